import { equalBytes } from '../common/bytes.ts';
import type { Clock } from '../common/clock.ts';
import { RATED_PEERS_MAX, RateLimit } from '../common/rate-limit.ts';
import {
  FETCH_MAX,
  IDS_MAX,
  QUESTIONS_BURST,
  QUESTIONS_PER_SECOND,
  QUESTIONS_TOTAL_BURST,
  QUESTIONS_TOTAL_PER_SECOND,
} from './constants.ts';
import { AnswerRoom, decodeQuestion, encodeLogAnswer, encodeNoticesAnswer, type Question } from './frames.ts';
import type { NamespacesMetrics } from './metrics.ts';
import type { NamespaceName } from './notice.ts';

/** Notices in the order in which they arrived here. */
export interface NoticeLog {
  /** Names this order: another process, or a file made anew, has another. */
  readonly id: Uint8Array;
  /** Ids of those behind `position`, at most `limit`, and the position of the last of them. */
  idsAfter(position: number, limit: number): { ids: Uint8Array[]; next: number; isEnd: boolean };
  /** Bytes of the notice with this id; null where it is not here. */
  noticeOf(id: Uint8Array): Uint8Array | null;
  /** Bytes of the policies of a namespace above a sequence, in their order, at most `limit`. */
  historyAbove(name: NamespaceName, above: number, limit: number): Uint8Array[];
}

export interface QuestionServerComponents {
  readonly clock: Clock;
  readonly log: NoticeLog;
  readonly metrics: NamespacesMetrics;
}

/** Answers peers that ask for notices, within bounds of each and of all. */
export class QuestionServer {
  readonly #components: QuestionServerComponents;
  readonly #rate: RateLimit;

  constructor(components: QuestionServerComponents) {
    this.#components = components;
    this.#rate = new RateLimit(components, {
      perSecond: QUESTIONS_PER_SECOND,
      burst: QUESTIONS_BURST,
      debtMax: QUESTIONS_PER_SECOND,
      maxKeys: RATED_PEERS_MAX,
      total: {
        perSecond: QUESTIONS_TOTAL_PER_SECOND,
        burst: QUESTIONS_TOTAL_BURST,
        debtMax: QUESTIONS_TOTAL_PER_SECOND,
      },
    });
  }

  /** The answer to `question` of `peer`. Throws `NamespacesError` for one that cannot be read. */
  answer(question: Uint8Array, peer: string): Uint8Array {
    const { metrics } = this.#components;
    const decoded = decodeQuestion(question);
    if (this.#rate.take(peer) > 0) {
      metrics.questionsRefused += 1;
      return this.#refuse(decoded);
    }
    metrics.questionsAnswered += 1;
    if (decoded.type === 'log') return this.#answerLog(decoded);
    if (decoded.type === 'fetch') return this.#answerFetch(decoded.ids);
    return this.#answerHistory(decoded);
  }

  #refuse({ type }: Question): Uint8Array {
    const error = 'rate_limited';
    if (type !== 'log') return encodeNoticesAnswer({ done: 0, notices: [], error });
    return encodeLogAnswer({ log: this.#components.log.id, ids: [], next: 0, isEnd: false, error });
  }

  #answerLog(question: Extract<Question, { type: 'log' }>): Uint8Array {
    const { log } = this.#components;
    const after = equalBytes(question.log, log.id) ? question.position : 0;
    return encodeLogAnswer({ log: log.id, ...log.idsAfter(after, IDS_MAX), error: '' });
  }

  #answerFetch(ids: readonly Uint8Array[]): Uint8Array {
    const room = new AnswerRoom();
    const notices: Uint8Array[] = [];
    let done = 0;
    for (const id of ids) {
      const notice = this.#components.log.noticeOf(id);
      if (notice !== null) {
        if (!room.take(notice.byteLength)) break;
        notices.push(notice);
      }
      done += 1;
    }
    return encodeNoticesAnswer({ done, notices, error: '' });
  }

  #answerHistory({ owner, namespace, above }: Extract<Question, { type: 'history' }>): Uint8Array {
    const room = new AnswerRoom();
    const all = this.#components.log.historyAbove({ owner, namespace }, above, FETCH_MAX);
    const end = all.findIndex((notice) => !room.take(notice.byteLength));
    return encodeNoticesAnswer({ done: 0, notices: end < 0 ? all : all.slice(0, end), error: '' });
  }
}
