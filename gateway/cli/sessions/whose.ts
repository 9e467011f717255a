/** Names the owner of the namespace that a command means: two owners may use the same name, and neither hears the other. */
import type { Status } from '../../client/index.ts';
import { harmless } from '../core/terminal.ts';
import type { Entered } from './remote.ts';

/** Characters shown of a DID's end, after its method: they tell it from others. */
const END_SHOWN = 4;

/** The known owners at a gateway; null where it does not tell this client. */
export async function readOwners({ client }: Pick<Entered, 'client'>): Promise<Status['node'] | null> {
  try {
    return (await client.status()).node;
  } catch {
    // a session may lack the right to look; what it is for works without
    return null;
  }
}

/** ` of yours (did:key:…7Q3x)`, or whose else; empty where it is not known. */
export function whose(
  { namespace, isOperator }: Pick<Entered, 'namespace' | 'isOperator'>,
  node: { readonly operator: Pick<Status['node']['operator'], 'did'> } | null,
): string {
  const [name, owner] = split(namespace);
  if (owner !== undefined) return ` of ${shortDid(owner)}`;
  if (!isOperator) return name === '' ? '' : ` of yours (namespace ${harmless(name)} of your session)`;
  if (node === null) return '';
  return ` of yours (${shortDid(node.operator.did)})`;
}

/** `; 2 nodes here belong to other owners`, or nothing where there are none, or none is known. */
export function otherOwners(node: Pick<Status['node'], 'directory'> | null): string {
  const owners = node?.directory.owners ?? 0;
  if (owners === 0) return '';
  return owners === 1
    ? '; 1 node here belongs to another owner'
    : `; ${owners} nodes here belong to other owners`;
}

/** Whether every other node that is known belongs to somebody else. */
export function isAlone({ directory }: Pick<Status['node'], 'directory'>): boolean {
  return directory.nodes > 0 && directory.owners === directory.nodes;
}

function split(namespace: string | undefined): [name: string, owner: string | undefined] {
  const at = namespace?.indexOf('@') ?? -1;
  if (namespace === undefined || at < 0) return [namespace ?? '', undefined];
  return [namespace.slice(0, at), namespace.slice(at + 1)];
}

/** `did:key:…7Q3x`. */
export function shortDid(did: string): string {
  const [scheme = '', method = '', ...rest] = harmless(did).split(':');
  const id = rest.join(':');
  return id.length > END_SHOWN ? `${scheme}:${method}:…${id.slice(-END_SHOWN)}` : harmless(did);
}
