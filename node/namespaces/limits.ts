import {
  ANSWER_MAX_BYTES,
  NAMESPACES_PROTOCOL,
  QUESTION_MAX_BYTES,
  QUESTION_TIMEOUT_MS,
} from '../../protocols/namespaces/constants.ts';
import type { QuestionsInit } from '../transport/questions.ts';

/** Policies decoded and kept at hand: namespaces in use. Others are read from disk when asked for. */
export const VIEWS_MAX = 1024;
/** Policies of whole histories kept decoded: what was written under an earlier policy is checked again and again. */
export const HISTORIES_MAX = 16_384;
/** Operators of namespaces whose sponsors are kept at hand, together: namespaces in use. */
export const SPONSORS_MAX = 16_384;
/** Between two syncs to disk: so many times as long as the last one took, since nothing else runs meanwhile … */
export const COMMIT_PAUSE_FACTOR = 4;
/** … and at most so long. */
export const COMMIT_PAUSE_MAX_MS = 250;

/** Peers that are asked at a time: those that answer slowly do not keep the others from it. */
export const EXCHANGES_AT_ONCE = 8;
/** All questions to one peer at a time; then it is the others' turn, and later this one's again. */
export const EXCHANGE_TIMEOUT_MS = 60_000;
/** Every connected peer is asked for news this often, give or take a half: what gossip lost comes this way. */
export const EXCHANGE_MS = 60_000;
/** After an exchange that came to no end; doubled with each further one. */
export const RETRY_MS = 2_000;
export const RETRY_MAX_MS = EXCHANGE_MS;
/**
 * Notices of one exchange that were verified in vain, since their authors were revoked: an honest peer has few, and a page of ids holds
 * more than this. Beyond it the exchange ends, and goes on later from there.
 */
export const VAIN_MAX = 512;
/** How often it is looked who is to be asked. */
export const TICK_MS = 250;
/** Peers of which it is remembered how far their logs were read. */
export const POSITIONS_MAX = 10_000;
/** Namespaces whose history is to be asked for; beyond that the next exchange finds them. */
export const HISTORIES_WAITING_MAX = 256;
/**
 * Notices got by asking one peer that are gossiped on, so that those behind this node need not ask: a few are news. Many are an old
 * swarm's that a newcomer gets, which all others have.
 */
export const SPREAD_MAX = 64;
/** Questions that are answered together: each holds an answer in memory until its peer has read it. */
const ANSWERS_AT_ONCE = 32;
/** Streams of one connection, each for one question. */
const STREAMS_PER_CONNECTION = 4;

/** How notices are asked for, and handed over. */
export const NOTICE_QUESTIONS: QuestionsInit = {
  protocol: NAMESPACES_PROTOCOL,
  questionMaxBytes: QUESTION_MAX_BYTES,
  answerMaxBytes: ANSWER_MAX_BYTES,
  timeoutMs: QUESTION_TIMEOUT_MS,
  answersAtOnce: ANSWERS_AT_ONCE,
  streamsPerConnection: STREAMS_PER_CONNECTION,
};
/** Own notices that wait for somebody to hear them; beyond that peers find them by asking. */
export const UNHEARD_MAX = 256;
