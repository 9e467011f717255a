import { readdir } from 'node:fs/promises';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import type { Meter } from './meter.ts';

const MICROSECONDS_PER_SECOND = 1e6;
const MS_PER_SECOND = 1000;

/** Scavenges are about a millisecond, full collections some ten; beyond a tenth of a second clients notice. */
const PAUSE_BUCKETS_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5];

const KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak_callbacks',
};

/** Registers what the process uses. Returns the function that ends what had to be started for it. */
export function registerProcessMetrics(meter: Meter): () => void {
  const startedAt = Date.now() / MS_PER_SECOND - process.uptime();
  meter.gauge('maillon_process_start_time_seconds', 'When the process started, since the Unix epoch.', () => {
    return startedAt;
  });
  meter.counters('maillon_process_cpu_seconds_total', 'Processor time used.', 'mode', () => {
    const { user, system } = process.cpuUsage();
    return [
      ['user', user / MICROSECONDS_PER_SECOND],
      ['system', system / MICROSECONDS_PER_SECOND],
    ];
  });
  meter.gauges('maillon_process_memory_bytes', 'Memory of the process, by what it is for.', 'kind', () => {
    const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
    return [
      ['resident', rss],
      ['heap_total', heapTotal],
      ['heap_used', heapUsed],
      ['external', external],
      ['array_buffers', arrayBuffers],
    ];
  });
  meter.gauge('maillon_process_open_file_descriptors', 'Open files and sockets; Linux only.', openFiles);
  return observePauses(meter);
}

/** The descriptor that lists them is among them. */
async function openFiles(): Promise<number | null> {
  try {
    return (await readdir('/proc/self/fd')).length - 1;
  } catch {
    return null;
  }
}

function observePauses(meter: Meter): () => void {
  const observe = meter.histogram(
    'maillon_process_gc_pause_seconds',
    'Pauses for garbage collection, by kind.',
    { labels: ['kind'], buckets: PAUSE_BUCKETS_SECONDS },
  );
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      // the types do not know what an entry about a collection holds
      const { detail } = entry as unknown as { readonly detail: { readonly kind: number } };
      observe({ kind: KINDS[detail.kind] ?? 'other' }, entry.duration / MS_PER_SECOND);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}
