import type { Probe } from '../core/probe.ts';
import type { RecoveryStatus, StorageStatus } from './api/interface.ts';

/** The parts of the service that are probed. */
export interface ProbedStorage {
  readonly fault: string | null;
  readonly recovery: RecoveryStatus | null;
  status(): StorageStatus;
}

/** `operatorFault`: why this node may not act for its operator. */
export function probeStorage(storage: ProbedStorage, operatorFault: string | null): Probe[] {
  return [probeRecords(storage, operatorFault), ...probeRecovery(storage)];
}

function probeRecords(storage: ProbedStorage, operatorFault: string | null): Probe {
  const { fault } = storage;
  const { records, members, fellows, replicas, capacityBytes, isReady, partitions } = storage.status();
  const { underReplicated, leaving } = partitions;
  const own = fellows.filter(({ isLive }) => isLive).length + (isReady ? 1 : 0);
  const facts = [
    `${records} records kept; ${members} nodes keep records, ${own} of them are replicas of this operator (${replicas} wanted)`,
    ...(underReplicated > 0
      ? [`under-replicated: fewer than ${replicas} replicas of ${underReplicated} partitions`]
      : []),
    ...(leaving > 0 ? [`leaving: ${leaving} partitions wait for a successor`] : []),
    ...(capacityBytes > 0 && !isReady && operatorFault === null
      ? ['joining: this node copies its share and counts as no replica yet']
      : []),
  ];
  return { name: 'storage', ok: fault === null, detail: fault ?? facts.join('; ') };
}

/** A restored node is not ready before it has reconciled: what it holds counts for nothing. Where there is nobody else it serves. */
function probeRecovery({ recovery }: ProbedStorage): Probe[] {
  if (recovery === null) return [];
  const asOf = new Date(recovery.asOf).toISOString();
  const ok = recovery.state === 'alone';
  const detail = ok
    ? `restored, and the only replica: it serves what the backup held, as of ${asOf}`
    : `restored as of ${asOf}: it reconciles with the other replicas, and counts for nothing before: start the other machines, or revoke those that are gone (maillon revoke)`;
  return [{ name: 'recovery', ok, detail }];
}
