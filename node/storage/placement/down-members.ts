import type { TimerClock } from '../../../protocols/common/clock.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { RepeatingTask } from '../../../protocols/common/repeating-task.ts';
import type { GoneMember } from '../../../protocols/storage/index.ts';
import type { Logger } from '../../observability/logger.ts';
import {
  ATTEMPT_TIMEOUT_MS,
  DOWN_MEMBERS_ASK_MS,
  DOWN_MEMBERS_ASKED,
  DOWN_MEMBERS_TICK_MS,
} from '../api/limits.ts';
import type { RequestPeer } from '../rpc/request-peer.ts';
import type { Members } from './members.ts';

export interface DownMembersComponents {
  readonly members: Pick<Members, 'list' | 'isQuiet' | 'learnDown'>;
  readonly clock: TimerClock;
  readonly logger: Logger;
  readonly ask: RequestPeer;
}

/**
 * Asks other nodes which members were down before this node started: it could reach none of them, and the others count
 * them as replicas until the down timeout ends. Without them it would see other replicas than everybody else, and no
 * write would count with it.
 */
export class DownMembers {
  readonly #components: DownMembersComponents;
  readonly #self: string;
  readonly #asking: RepeatingTask;
  #askAt = -Infinity;
  #askedAt = -Infinity;

  constructor(components: DownMembersComponents, init: { readonly self: string }) {
    this.#components = components;
    this.#self = init.self;
    const { clock, logger } = components;
    this.#asking = new RepeatingTask(
      {
        clock,
        run: (signal) => this.#ask(signal),
        onError: (error) => logger.warn({ reason: errorMessage(error) }, 'down members were not asked for'),
      },
      { intervalMs: DOWN_MEMBERS_TICK_MS },
    );
  }

  start(): void {
    if (this.#asking.isStarted) return;
    this.#askAt = -Infinity;
    this.#asking.start();
  }

  stop(): void {
    void this.#asking.stop();
  }

  /** Notes that other nodes see other replicas: they may know a member that this node does not. */
  readonly doubt = (): void => {
    this.#askAt = Math.min(this.#askAt, this.#askedAt + DOWN_MEMBERS_ASK_MS);
  };

  /** Asks when a question is due. Never rejects. */
  tick(): Promise<void> {
    return this.#asking.runNow();
  }

  async #ask(stopping: AbortSignal): Promise<void> {
    const { members, clock, ask } = this.#components;
    const now = clock.now();
    if (!members.isQuiet || now < this.#askAt) return;
    this.#askedAt = now;
    this.#askAt = now + DOWN_MEMBERS_ASK_MS;
    const signal = AbortSignal.any([stopping, clock.timeoutSignal(ATTEMPT_TIMEOUT_MS)]);
    const asked = members.list.filter(({ id, isLive }) => isLive && id !== this.#self);
    const answers = await Promise.all(
      asked
        .slice(0, DOWN_MEMBERS_ASKED)
        .map(async ({ id }) => ask<'gone'>(id, { type: 'gone' }, signal).catch(() => null)),
    );
    const heard = answers.flatMap((answer) => (answer === null ? [] : [answer.gone]));
    if (heard.length === 0) return;
    this.#askAt = Infinity;
    members.learnDown(agreed(heard));
  }
}

/** Members that more than half of the answers name, each with the median entry. */
function agreed(heard: readonly (readonly GoneMember[])[]): GoneMember[] {
  const named = new Map<string, GoneMember[]>();
  for (const gone of heard) {
    for (const one of new Map(gone.map((each) => [each.id, each])).values()) {
      named.set(one.id, [...(named.get(one.id) ?? []), one]);
    }
  }
  return [...named.values()].flatMap((said) => {
    if (said.length <= heard.length / 2) return [];
    const middle = said.toSorted((a, b) => a.forMs - b.forMs)[Math.floor(said.length / 2)];
    return middle === undefined ? [] : [middle];
  });
}
