import { type EventLoopUtilization, performance } from 'node:perf_hooks';

/** How often the load is measured anew. */
const SAMPLE_MS = 500;
/** Part of the time spent working below which a node counts as idle, and from which it counts as busy. */
const IDLE_LOAD = 0.3;
const BUSY_LOAD = 0.7;

/**
 * The linger of a node in milliseconds, by how busy its event loop was lately: `idleMs` up to a third of the time,
 * then growing to `busyMs` at two thirds. An envelope costs a node much the same whether it holds one message or
 * fifty, so packing is what keeps a busy swarm from falling behind.
 */
export function lingerByLoad(idleMs: number, busyMs: number): () => number {
  let sampledAt = performance.now();
  let last: EventLoopUtilization = performance.eventLoopUtilization();
  let linger = idleMs;
  return () => {
    const now = performance.now();
    if (now - sampledAt >= SAMPLE_MS) {
      const current = performance.eventLoopUtilization();
      const load = performance.eventLoopUtilization(current, last).utilization;
      const part = Math.min(1, Math.max(0, load - IDLE_LOAD) / (BUSY_LOAD - IDLE_LOAD));
      linger = idleMs + part * Math.max(0, busyMs - idleMs);
      sampledAt = now;
      last = current;
    }
    return linger;
  };
}
