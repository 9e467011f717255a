import {
  NODES_PROTOCOL,
  PAGE_MAX_BYTES,
  PAGE_TIMEOUT_MS,
  REQUEST_MAX_BYTES,
} from '../../protocols/nodes/constants.ts';
import type { QuestionsInit } from '../transport/questions.ts';

/** Dial-backs under way together: the node's own dials need room beside them. */
export const DIALS_AT_ONCE = 4;
/** Dial-backs begun each second over longer times: a full directory is asked within twenty minutes. */
export const DIALS_PER_SECOND = 4;
/** The same at once. */
export const DIALS_BURST = 16;
/** Dial-backs into one prefix each second: announcements must not direct a swarm's dials at a stranger. */
export const PREFIX_DIALS_PER_SECOND = 0.5;
/** The same at once: a handful of nodes in one data centre. */
export const PREFIX_DIALS_BURST = 8;
/** Addresses tried of one node at a time; the others have their turn the next time. */
export const ADDRESSES_TRIED = 3;
/** How long one address may take to answer. */
export const DIAL_TIMEOUT_MS = 5_000;
/** How long a new node waits at least to be dialled: a connection under way may make it needless. */
export const FIRST_DIAL_MS = 250;
/** It waits up to this for every node known, so that not all of the swarm dials it at once … */
export const FIRST_DIAL_SPREAD_MS = 50;
/** … and up to this in all. */
export const FIRST_DIAL_MAX_MS = 120_000;
/** A node that was reached is dialled again after this, give or take a quarter. */
export const REPEAT_MS = 60 * 60_000;
/** After a failed dial-back; doubled with each further one. */
export const BACKOFF_MS = 60_000;
export const BACKOFF_MAX_MS = REPEAT_MS;
/** Between two looks at who is to be dialled, at least and at most. */
export const LOOK_MIN_MS = 100;
export const LOOK_MAX_MS = 5_000;

/** Peers asked for all they know after this node has come: two may be slow or lie. */
export const FIRST_PEERS = 3;
/** Afterwards one peer is asked this often, give or take a half: what gossip lost comes this way. */
export const EXCHANGE_MS = 3 * 60_000;
/** Pages taken from a peer that is asked for all: a full directory of the largest announcements is 96. */
export const FIRST_PAGES_MAX = 96;
/** Pages taken of one that is asked now and then, from a place chosen by chance. */
export const EXCHANGE_PAGES_MAX = 4;
/** All pages of one peer. */
export const EXCHANGE_TIMEOUT_MS = 60_000;
/** Questions that are answered together: each holds a page in memory until its peer has read it. */
const ANSWERS_AT_ONCE = 32;
/** Streams of one connection, each for one question. */
const STREAMS_PER_CONNECTION = 2;

/** How pages of announcements are asked for. */
export const PAGE_QUESTIONS: QuestionsInit = {
  protocol: NODES_PROTOCOL,
  questionMaxBytes: REQUEST_MAX_BYTES,
  answerMaxBytes: PAGE_MAX_BYTES,
  timeoutMs: PAGE_TIMEOUT_MS,
  answersAtOnce: ANSWERS_AT_ONCE,
  streamsPerConnection: STREAMS_PER_CONNECTION,
};
