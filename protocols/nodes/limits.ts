import type { Limit } from '../common/limits.ts';
import {
  ADDRESSES_MAX,
  ANNOUNCE_INTERVAL_MS,
  ANNOUNCEMENT_MAX_BYTES,
  LIFETIME_MAX_MS,
  LIFETIME_MS,
  PAGE_MAX_BYTES,
  PAGES_BURST,
  PAGES_PER_SECOND,
  RENEWAL_MS,
} from './constants.ts';

/** The limits of the directory's protocol: the same at every node of a swarm. */
export const NODES_LIMITS: readonly Limit[] = [
  limit('nodes.announcementBytes', ANNOUNCEMENT_MAX_BYTES, 'bytes', 'every field at its largest'),
  limit('nodes.addresses', ADDRESSES_MAX, 'count', 'addresses of one node: more would be somebody else’s'),
  limit(
    'nodes.lifetimeMax',
    LIFETIME_MAX_MS,
    'milliseconds',
    'a node that was killed is believed in so long',
  ),
  limit('nodes.lifetime', LIFETIME_MS, 'milliseconds', 'two renewals may be lost'),
  limit('nodes.renewal', RENEWAL_MS, 'milliseconds', 'how often a node announces itself anew'),
  limit(
    'nodes.announceInterval',
    ANNOUNCE_INTERVAL_MS,
    'milliseconds',
    'between two announcements of a node',
  ),
  limit('nodes.pageBytes', PAGE_MAX_BYTES, 'bytes', 'one answer to a peer that asks for announcements'),
  limit('nodes.pagesPerSecond', PAGES_PER_SECOND, 'per second', 'pages that one peer is answered'),
  limit('nodes.pagesBurst', PAGES_BURST, 'count', 'pages at once: all that a full directory has'),
];

function limit(name: string, value: number, unit: Limit['unit'], reason: string): Limit {
  return { name, value, unit, reason };
}
