import { type Limit, limitsIn } from '../../protocols/common/limits.ts';

const published: Limit[] = [];
const limit = limitsIn(published);

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** A message before it is decoded: some 2 600 wants, more than peers have at a time. */
export const BITSWAP_MESSAGE_MAX_BYTES = 128 * KIB;
/** Wants in it: none that is one is shorter than 30 bytes. */
export const MESSAGE_WANTS_MAX = 4 * KIB;
/** Limit for one connection: some peers open a new stream for each list of wants. */
export const BITSWAP_STREAMS = 4;
/** Wants of one peer that wait; more are not heard, as in other implementations. */
export const WANTS_MAX = 1024;
/** For all peers together. */
export const WANTS_TOTAL_MAX = 64 * KIB;
/** Bytes of wantlists that a peer may send each second: reading them is work. */
export const WANTLIST_BYTES_PER_SECOND = 128 * KIB;
export const WANTLIST_BURST_BYTES = 4 * MIB;
/** Wants of one peer that are looked up each second, over longer times and at once; the others wait. */
export const LOOKUPS_PER_SECOND = 500;
export const LOOKUPS_BURST = 2_000;
/** As so many counts what a peer wants and then hangs up on: after a few it waits. */
export const RESET_LOOKUPS = 250;
/** Wants that are looked up before others get their turn: a few milliseconds. */
export const LOOKUPS_PER_TURN = 64;
/** Messages to peers on their way at once, one to each: so many blocks, read and not taken yet, are in memory. */
export const SENDS_AT_ONCE = 32;
/** A peer has so long to take a message: 1 MiB over 560 kbit/s. */
export const SEND_TIMEOUT_MS = 15 * SECOND_MS;
/** How long a stream stays open after a want, for further wants from the same peer. */
export const LINGER_MS = SECOND_MS;
/** A peer that took nothing, or said too much, is not heard for so long. */
export const DEAF_MS = MINUTE_MS;
/** Peers that this is known of. */
export const PEERS_MAX = 8192;

/** Members that are asked for a block one after another; where there are no more, nobody has to be found first. */
export const ASKED_MAX = 12;
/** In parallel. */
export const ASKED_AT_ONCE = 4;
export const FIND_TIMEOUT_MS = limit(
  'ipfs.findTimeout',
  10 * SECOND_MS,
  'milliseconds',
  'to find and get the first block of what is not here: a client waits for it',
);
/** For each further one. */
export const BLOCK_TIMEOUT_MS = 20 * SECOND_MS;
export const FINDS_AT_ONCE = limit(
  'ipfs.finds',
  64,
  'count',
  'searches for clients at once; more are refused as overload',
);

export const ANNOUNCED_MAX = limit(
  'ipfs.announced',
  10_000,
  'count',
  'blobs that a node announces: 100 GiB and more of files of 10 MiB. The others are found only where all members are asked',
);
/** How often it is looked for what is new or not public any more. */
export const ANNOUNCE_TICK_MS = 2 * SECOND_MS;
/** How often all references are gone through again: for what became public without a policy. */
export const ANNOUNCE_AGAIN_MS = 30 * MINUTE_MS;
/** References that one look goes through. */
export const ANNOUNCE_PAGE = 256;
/** Announced at once: each asks some twenty nodes. */
export const ANNOUNCES_AT_ONCE = 4;
export const ANNOUNCE_TIMEOUT_MS = 20 * SECOND_MS;
export const ANNOUNCE_RENEWAL_MS = limit(
  'ipfs.announceRenewal',
  10 * 60 * MINUTE_MS,
  'milliseconds',
  'an announcement is renewed after this, well before it ends',
);
export const PROVIDER_LIFE_MS = limit(
  'ipfs.providerLife',
  24 * 60 * MINUTE_MS,
  'milliseconds',
  'how long an announcement of another node counts: a node that is gone is not asked for ever',
);
/** Announcements that a node keeps for others, some 200 bytes each; of one peer; and for one CID. */
export const PROVIDERS_MAX = 100_000;
export const PROVIDERS_PER_PEER = ANNOUNCED_MAX;
export const PROVIDERS_PER_CID = 16;

/** For the info document. */
export const IPFS_LIMITS: readonly Limit[] = published;

function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`ipfs limits: ${relation}`);
}
assertRelation(ANNOUNCE_RENEWAL_MS * 2 < PROVIDER_LIFE_MS, 'one renewal may fail');
assertRelation(WANTLIST_BURST_BYTES >= BITSWAP_MESSAGE_MAX_BYTES, 'the largest message is no offence');
assertRelation(PROVIDERS_MAX >= PROVIDERS_PER_PEER, 'a peer alone does not meet the end');
