import { createNamespacesMetrics, type NamespacesMetrics } from '../../protocols/namespaces/index.ts';
import type { Meter } from '../observability/meter.ts';
import type { NoticeCounts } from './notice-index.ts';

/** Metrics of the service besides the protocol's. True counters: they only grow. */
export interface NamespacesServiceMetrics extends NamespacesMetrics {
  noticesSubmitted: number;
  exchangesOk: number;
  exchangesFailed: number;
}

export function createNamespacesServiceMetrics(): NamespacesServiceMetrics {
  return { ...createNamespacesMetrics(), noticesSubmitted: 0, exchangesOk: 0, exchangesFailed: 0 };
}

export interface NamespacesGauges {
  readonly metrics: NamespacesServiceMetrics;
  readonly counts: NoticeCounts;
}

/** Registers what is counted of policies and revocations, and how many are here. */
export function registerNamespacesMetrics(meter: Meter, service: NamespacesGauges): void {
  const { metrics } = service;
  meter.gauges(
    'maillon_namespaces_notice_records',
    'Policies, revocations and sponsorships kept.',
    'kind',
    () => {
      const { policies, revocations, sponsorships } = service.counts;
      return [
        ['policy', policies],
        ['revocation', revocations],
        ['sponsorship', sponsorships],
      ];
    },
  );
  meter.gauge('maillon_namespaces_notice_bytes', 'Bytes of these notices kept.', () => {
    return service.counts.bytes;
  });
  meter.counters('maillon_namespaces_accepted_total', 'Notices found good.', 'kind', () => [
    ['policy', metrics.policiesAccepted],
    ['revocation', metrics.revocationsAccepted],
    ['sponsorship', metrics.sponsorshipsAccepted],
  ]);
  meter.counters('maillon_namespaces_exchanges_total', 'Peers asked for notices.', 'outcome', () => [
    ['ok', metrics.exchangesOk],
    ['failed', metrics.exchangesFailed],
  ]);
  const count = (what: string, help: string, read: () => number): void =>
    meter.counter(`maillon_namespaces_${what}_total`, help, read);
  count('verified', 'Signatures of notices verified.', () => metrics.noticesVerified);
  count('submitted', 'Notices of this node’s operator and clients.', () => metrics.noticesSubmitted);
  count('questions_answered', 'Questions of peers answered.', () => metrics.questionsAnswered);
  count('questions_refused', 'Questions of peers that asked too much.', () => metrics.questionsRefused);
  meter.counters('maillon_namespaces_refused_total', 'Notices and frames not taken, by reason.', 'code', () =>
    Object.entries(metrics.refused),
  );
}
