/** What a replica tells those who ask what it does not do. */
import { ReplicaError } from '../../../protocols/storage/index.ts';

export function notResponsible(): ReplicaError {
  return new ReplicaError('not_responsible', 'this node is no home of the partition');
}

export function noRoom(reason: 'capacity' | 'quota' | 'disk'): ReplicaError {
  if (reason === 'quota') return new ReplicaError('over_quota', 'the namespace has had its share');
  const message = reason === 'disk' ? 'the disk takes no more' : 'this node has no room left';
  return new ReplicaError('no_room', message);
}
