import { join } from 'node:path';
import { decode, encode } from '@ipld/dag-cbor';
import { checkOwnerDid } from '../../protocols/common/did.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { checkSwarm } from '../../protocols/common/names.ts';
import { type EntryPoint, JoinChecks, type MemberRole } from '../../protocols/join/index.ts';
import { writeFileAtomic } from '../disk/atomic-file.ts';
import { protectDirectory, readPrivateFile, SECRET_MODE } from '../disk/private-file.ts';

/** The part of its invite that an invited machine keeps, and needs for every start. */
export interface Membership {
  /** DID of the owner whose namespaces this machine means. */
  readonly owner: string;
  readonly swarm: string;
  readonly role: MemberRole;
  /** Multikey of the node that invited it, 34 bytes. */
  readonly issuer: Uint8Array;
  /** Nodes to join through, the issuer first. */
  readonly entryPoints: readonly EntryPoint[];
  /** Whether the network has a pre-shared key, which lies beside this file. */
  readonly isPrivate: boolean;
  readonly joinedAt: number;
  /** From the owner to this machine's key. */
  readonly chain: readonly Uint8Array[];
}

const FILE_VERSION = 1;
const FILE_ITEMS = 9;
/** A chain, and entry points at their largest. */
const FILE_MAX_BYTES = 16 * 1024;

export function membershipPath(directory: string): string {
  return join(directory, 'membership');
}

/** Where the key of a private network is kept that an invite brought. */
export function networkKeyPath(directory: string): string {
  return join(directory, 'swarm.key');
}

/** Reads the membership of the machine whose data is in `directory`; null where nobody invited it. Throws `bad_membership`. */
export function readMembership(directory: string): Membership | null {
  const path = membershipPath(directory);
  const read = readPrivateFile(path, FILE_MAX_BYTES);
  if (read === null) return null;
  try {
    if (read === 'too_large') throw new Error(`it is larger than ${FILE_MAX_BYTES} bytes`);
    return decodeMembership(read.bytes);
  } catch (error) {
    const advice = 'restore it from a backup, or join again with an empty data directory';
    const message = `${path} cannot be used: ${errorMessage(error)}; ${advice}`;
    throw new CodedError('bad_membership', message, undefined, { cause: error });
  }
}

export function writeMembership(directory: string, membership: Membership): void {
  const { owner, swarm, role, issuer, entryPoints, isPrivate, joinedAt, chain } = membership;
  const pairs = entryPoints.map(({ key, address }) => [key, address]);
  const items = [FILE_VERSION, owner, swarm, role, issuer, pairs, isPrivate, joinedAt, chain];
  protectDirectory(directory);
  writeFileAtomic(membershipPath(directory), encode(items), SECRET_MODE);
}

function decodeMembership(bytes: Uint8Array): Membership {
  const check = new JoinChecks((message) => new CodedError('bad_membership', message));
  const items = check.array('membership', decode(bytes), FILE_ITEMS);
  const [version, owner, swarm, role, issuer, entryPoints, isPrivate, joinedAt, chain] = items;
  if (version !== FILE_VERSION) throw new Error(`version ${String(version)} is not known here`);
  if (typeof isPrivate !== 'boolean') throw new Error('isPrivate must be a boolean');
  const did = check.text('owner', owner);
  const name = check.text('swarm', swarm);
  check.named(() => {
    checkOwnerDid(did);
    checkSwarm(name);
  });
  return {
    owner: did,
    swarm: name,
    role: check.role(role),
    issuer: check.key('issuer', issuer),
    entryPoints: check.array('entryPoints', entryPoints, FILE_MAX_BYTES).map((one) => check.entryPoint(one)),
    isPrivate,
    joinedAt: check.integer('joinedAt', joinedAt, 0),
    chain: check.chain(chain),
  };
}
