import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../node/index.ts';

/** Where scripts/test.ts says that the development key of the run is: never the one of whoever runs the tests. */
export const OWNER_KEY_VARIABLE = 'MAILLON_IDENTITY_OWNER_KEY';

export function ownerKeyPath(): string {
  return process.env[OWNER_KEY_VARIABLE] ?? join(tmpdir(), 'maillon-test-owner', 'development.key');
}

/** Settings of nodes that take namespaces without an owner, where a test is not about who may do what. */
export const OPEN_SWARM: Pick<Config, 'identity.ownerKey' | 'namespaces.unowned'> = {
  'identity.ownerKey': ownerKeyPath(),
  'namespaces.unowned': true,
};
