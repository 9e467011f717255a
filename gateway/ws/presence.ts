import type { TopicName } from '../../node/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { GatewayError } from '../core/errors.ts';
import { MEMBERS_MAX } from '../core/limits.ts';
import { textFrame } from './raw-frame.ts';

/** Somebody present on a topic, as DeBros clients describe themselves. */
export interface Member {
  readonly id: string;
  readonly meta: Readonly<Record<string, unknown>>;
}

/** Its shape in the presence list. */
export interface MemberView {
  readonly member_id: string;
  /** Seconds since the Unix epoch, as in DeBros. */
  readonly joined_at: number;
  readonly meta: Readonly<Record<string, unknown>>;
}

interface Attendance {
  readonly view: MemberView;
  readonly send: (frame: Buffer) => void;
}

/** The members of each topic, among the clients of this gateway only. */
export class PresenceBoard {
  readonly #clock: Clock;
  readonly #topics = new Map<string, Set<Attendance>>();

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock;
  }

  /** Throws `too_many_clients` when a topic can take no more members. */
  checkRoom(topic: TopicName): void {
    if ((this.#topics.get(keyOf(topic))?.size ?? 0) >= MEMBERS_MAX) {
      throw new GatewayError('too_many_clients', `a topic may have ${MEMBERS_MAX} presence members here`);
    }
  }

  /** Tells everyone, the member too. The function returned leaves again; it is idempotent. */
  join(topic: TopicName, member: Member, send: (frame: Buffer) => void): () => void {
    const key = keyOf(topic);
    const here = this.#topics.get(key) ?? new Set<Attendance>();
    this.#topics.set(key, here);
    const view = { member_id: member.id, joined_at: this.#seconds(), meta: member.meta };
    const attendance = { view, send };
    here.add(attendance);
    this.#tell(here, 'presence.join', topic, view);
    return () => {
      if (!here.delete(attendance)) return;
      this.#tell(here, 'presence.leave', topic, view);
      if (here.size === 0) this.#topics.delete(key);
    };
  }

  members(topic: TopicName): MemberView[] {
    return [...(this.#topics.get(keyOf(topic)) ?? [])].map((attendance) => attendance.view);
  }

  #tell(here: ReadonlySet<Attendance>, type: string, { topic }: TopicName, view: MemberView): void {
    const { member_id, meta } = view;
    const event = { type, member_id, memberId: member_id, meta, timestamp: this.#seconds(), topic };
    const frame = textFrame(JSON.stringify(event));
    for (const { send } of here) send(frame);
  }

  #seconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

function keyOf(topic: TopicName): string {
  return JSON.stringify([topic.owner, topic.namespace, topic.topic]);
}
