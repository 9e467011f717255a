/** Refusals that a replica sends to peers, and a node to its clients. */
import { CodedError } from '../../../protocols/common/errors.ts';
import { ReplicaError } from '../../../protocols/storage/index.ts';
import type { RecoveryStatus } from './interface.ts';

/** The error of a request that too few replicas answered; this node itself may have stored a write. */
const TOO_FEW: ReadonlySet<string> = new Set(['insufficient_replicas', 'list_incomplete', 'outcome_unknown']);

export function notResponsible(): ReplicaError {
  return new ReplicaError('not_responsible', 'this node is no replica of the partition');
}

export function noRoom(reason: 'capacity' | 'quota' | 'disk'): ReplicaError {
  if (reason === 'quota') return new ReplicaError('over_quota', 'the namespace has had its share');
  const message = reason === 'disk' ? 'the disk takes no more' : 'this node has no room left';
  return new ReplicaError('no_room', message);
}

/** Adds to the error of a request that too few replicas answered why a restored node is not one of them, and what to do. */
export function explainRestored(error: unknown, status: RecoveryStatus | null): unknown {
  if (!(error instanceof CodedError) || !TOO_FEW.has(error.code)) return error;
  if (status?.state !== 'reconciling') return error;
  const message = `${error.message}; this node was restored, and counts for nothing until it has reconciled with the other replicas: start the other machines, or revoke those that are gone (maillon revoke)`;
  return new CodedError(error.code, message, error.detail, { cause: error });
}
