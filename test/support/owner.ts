/** The owner of the swarms that tests start: the key of the SPECs' examples, so that a raw peer can sign for it, too. */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createFileExclusive } from '../../node/disk/exclusive-file.ts';
import { SECRET_MODE } from '../../node/disk/private-file.ts';
import { encodeKey } from '../../node/identity/keyring/key-file.ts';
import { seedOf, TIME } from './envelopes.ts';
import { OWNER as OWNER_SESSION, type Session } from './identities.ts';

/** Tells nodes and commands where the owner's key is: scripts/test.ts names a file for a whole run. */
export const OWNER_KEY_VARIABLE = 'MAILLON_IDENTITY_OWNER_KEY';

export const OWNER: Session = OWNER_SESSION;

/** The file with the owner's key. */
export function ownerKeyPath(): string {
  return path;
}

const path = process.env[OWNER_KEY_VARIABLE] || join(tmpdir(), 'maillon-tests', 'owner.key');
// processes that a test starts must find the same owner
process.env[OWNER_KEY_VARIABLE] = path;
mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
createFileExclusive(path, encodeKey(seedOf(OWNER.author), TIME), SECRET_MODE);
