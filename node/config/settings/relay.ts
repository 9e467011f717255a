import { z } from 'zod';
import {
  DEDUP_WINDOW_MS,
  ENVELOPE_MAX_MESSAGES,
  LINGER_BUSY_MS,
  LINGER_MS,
} from '../../../protocols/relay/index.ts';
import { bytes, count, ms, type Setting } from './setting.ts';

/** Gossip and what it carries. */
export const RELAY_SETTINGS = [
  {
    path: 'gossip.degree',
    schema: z.int().min(2).max(32),
    default: 6,
    unit: 'peers',
    help: 'Mesh peers per shard aimed at (D): copies of an envelope grow with it, hops shrink.',
  },
  {
    path: 'gossip.degreeLow',
    schema: z.int().min(1).max(32),
    default: 4,
    unit: 'peers',
    help: 'Below this many mesh peers more are grafted (D_low).',
  },
  {
    path: 'gossip.degreeHigh',
    schema: z.int().min(2).max(64),
    default: 8,
    unit: 'peers',
    help: 'Above this many mesh peers some are pruned (D_high).',
  },
  {
    path: 'gossip.sameAddressMax',
    schema: count,
    default: 64,
    unit: 'peers',
    help: 'Peers behind one address before they are scored down: more than a NAT usually holds, fewer than a Sybil wants.',
  },
  {
    path: 'gossip.outboundBufferBytes',
    schema: bytes,
    default: 8 * 2 ** 20,
    unit: 'bytes',
    help: 'Most bytes that may wait for one slow peer before its stream is reset: gossip itself would buffer without end.',
  },
  {
    path: 'relay.lingerMs',
    schema: ms.max(1000),
    default: LINGER_MS,
    unit: 'milliseconds',
    help: 'How long a message may wait to share an envelope with others. A message after a pause never waits.',
  },
  {
    path: 'relay.lingerBusyMs',
    schema: ms.max(1000),
    default: LINGER_BUSY_MS,
    unit: 'milliseconds',
    help: 'The same at a busy node: it grows from the other to this as the event loop works from a third to two thirds of the time.',
  },
  {
    path: 'relay.packMessages',
    schema: z.int().min(1).max(ENVELOPE_MAX_MESSAGES),
    default: ENVELOPE_MAX_MESSAGES,
    unit: 'messages',
    help: 'Most messages this node packs into one envelope.',
  },
  {
    path: 'relay.publishQueueBytes',
    schema: bytes,
    default: 32 * 2 ** 20,
    unit: 'bytes',
    help: 'Messages that may wait to be sent; above, publishing answers overloaded.',
  },
  {
    path: 'relay.verifyQueue',
    schema: count,
    default: 8192,
    unit: 'count',
    help: 'Envelopes that may wait for verification: one second of it on two cores, 80 MiB at 10 KiB each.',
  },
  {
    path: 'relay.ignoredPerSecond',
    schema: count,
    default: 500,
    unit: 'per second',
    help: 'Ignored envelopes (late, expired, replayed) looked at per peer: honest peers forward some.',
  },
  {
    path: 'relay.dedupWindowMs',
    schema: ms.min(DEDUP_WINDOW_MS / 5),
    default: DEDUP_WINDOW_MS,
    unit: 'milliseconds',
    help: 'How long an envelope is remembered as seen: at least what can still be accepted, twice the skew added.',
  },
  {
    path: 'relay.dedupMax',
    // a Set holds no more than 16.7 million
    schema: z.int().min(1).max(16_000_000),
    default: 1_000_000,
    unit: 'count',
    help: 'Ids remembered as seen at most, some 100 bytes each; full within 80 s, new envelopes are refused.',
  },
] as const satisfies readonly Setting[];
