import type { Clock } from '../../protocols/common/clock.ts';
import type { Logger } from './logger.ts';
import type { Meter } from './meter.ts';

interface EventKind {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  /** Logged at most once in this time; counted always. */
  readonly everyMs?: number;
}

const MINUTE_MS = 60_000;

/** Everything that happens to a node and that its operator may want to hear of, or to be alarmed by. */
export const EVENTS = {
  node_started: { level: 'info', message: 'node started' },
  node_stopped: { level: 'info', message: 'node stopped' },
  peer_connected: { level: 'debug', message: 'a peer connected' },
  peer_disconnected: { level: 'debug', message: 'a peer disconnected' },
  bootstrap_unreachable: { level: 'warn', message: 'no bootstrap peer answered yet; trying on' },
  dial_back_failed: { level: 'debug', message: 'an announced node did not answer', everyMs: 1000 },
  relay_overloaded: {
    level: 'warn',
    message: 'envelopes were refused: more came than could be verified',
    everyMs: MINUTE_MS,
  },
  disk_failed: { level: 'error', message: 'the disk does not take what must be kept', everyMs: MINUTE_MS },
  storage_damaged: {
    level: 'error',
    message: 'the database of records was damaged and set aside; what others hold is taken over from them',
  },
  blobs_damaged: {
    level: 'error',
    message: 'the catalogue of blobs was damaged and set aside; what records refer to is fetched again',
  },
  scrub_ended: { level: 'info', message: 'everything that is stored was read and verified' },
  scrub_unrepaired: {
    level: 'error',
    message: 'something that is stored is damaged, and no other node could give it yet',
  },
  notices_damaged: {
    level: 'error',
    message: 'policies or revocations on disk were damaged; they are fetched from others again',
  },
  twin_seen: {
    level: 'error',
    message: 'another node with this identity announces itself: stop one of the two',
    everyMs: MINUTE_MS,
  },
  restored_alone: {
    level: 'warn',
    message: 'this node was restored and is the only replica: it serves what the backup held',
  },
  restored_reconciled: {
    level: 'info',
    message:
      'what this restored node holds counts: it has reconciled with the other replicas, or there are none',
  },
  event_loop_stalled: {
    level: 'warn',
    message: 'the process did nothing else for long: peers and clients waited',
    everyMs: MINUTE_MS,
  },
  member_joined: { level: 'info', message: 'a machine joined with an invite' },
  member_revoked: { level: 'info', message: 'a machine was revoked' },
  invite_revoked: { level: 'info', message: 'an invite was revoked before it was used' },
  delegation_renewed: { level: 'info', message: 'the delegation of this machine was renewed' },
  delegation_unrenewed: {
    level: 'warn',
    message: 'the delegation of this machine could not be renewed; it is tried again until it ends',
  },
  client_cut: { level: 'info', message: 'a client read too slowly and was cut', everyMs: 1000 },
  credential_ended: {
    level: 'info',
    message: 'a stream ended with the session or API key that it was opened with',
    everyMs: 1000,
  },
} as const satisfies Record<string, EventKind>;

export type EventName = keyof typeof EVENTS;

/** Reports events: one call, one line in the log and one more in the metric. */
export class EventLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #counts = new Map<EventName, number>();
  readonly #muted = new Map<EventName, { until: number; left: number }>();

  constructor(components: { readonly logger: Logger; readonly clock: Clock }) {
    this.#logger = components.logger;
    this.#clock = components.clock;
    for (const name of Object.keys(EVENTS) as EventName[]) this.#counts.set(name, 0);
  }

  report(name: EventName, detail: Readonly<Record<string, unknown>> = {}): void {
    this.#counts.set(name, this.count(name) + 1);
    const { level, message, everyMs }: EventKind = EVENTS[name];
    if (everyMs === undefined) return this.#logger[level]({ event: name, ...detail }, message);
    const now = this.#clock.now();
    const muted = this.#muted.get(name);
    if (muted !== undefined && now < muted.until) {
      muted.left += 1;
      return;
    }
    this.#muted.set(name, { until: now + everyMs, left: 0 });
    const unsaid = muted?.left ? { unsaid: muted.left } : {};
    this.#logger[level]({ event: name, ...detail, ...unsaid }, message);
  }

  /** How often it was reported. */
  count(name: EventName): number {
    return this.#counts.get(name) ?? 0;
  }

  register(meter: Meter): void {
    meter.counters(
      'maillon_events_total',
      'Events reported to the log, by name.',
      'event',
      () => this.#counts,
    );
  }
}
