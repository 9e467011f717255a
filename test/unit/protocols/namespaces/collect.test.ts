import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  CLOSED_RULES,
  collectHistory,
  collectNotices,
  createNamespacesMetrics,
  decodeLogAnswer,
  decodeQuestion,
  EXCHANGE_QUESTIONS_MAX,
  encodeLogAnswer,
  encodeNoticesAnswer,
  encodeQuestion,
  IDS_MAX,
  type LogPosition,
  type NoticeLog,
  NoticeMaker,
  QUESTIONS_BURST,
  QUESTIONS_TOTAL_BURST,
  QuestionServer,
} from '../../../../protocols/namespaces/index.ts';
import { didOf } from '../../../support/did.ts';
import { AUTHOR, SWARM, sha256, TIME } from '../../../support/envelopes.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { linkNumber, POLICY, policy, REVOCATION, revocation, revokeLink } from '../../../support/notices.ts';

const NOWHERE: LogPosition = { log: new Uint8Array(), position: 0 };
const LOG = new Uint8Array(16).fill(1);

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A log of made-up bytes: those who carry notices do not look into them. */
class Shelf implements NoticeLog {
  id = LOG;
  readonly notices: Buffer[];
  readonly #byId = new Map<string, Buffer>();

  constructor(notices: readonly Buffer[]) {
    this.notices = [...notices];
  }

  static idOf(notice: Uint8Array): Uint8Array {
    return sha256(notice).subarray(0, 16);
  }

  idsAfter(position: number, limit: number) {
    const found = this.notices.slice(position, position + limit);
    const next = position + found.length;
    return { ids: found.map((one) => Shelf.idOf(one)), next, isEnd: next === this.notices.length };
  }

  noticeOf(id: Uint8Array): Uint8Array | null {
    for (const one of this.notices.slice(this.#byId.size)) this.#byId.set(hex(Shelf.idOf(one)), one);
    return this.#byId.get(hex(id)) ?? null;
  }

  historyAbove(_: unknown, above: number, limit: number): Uint8Array[] {
    return this.notices.slice(above, above + limit);
  }
}

function some(count: number, size = 8): Buffer[] {
  return Array.from({ length: count }, (_, n) => {
    const one = Buffer.alloc(size);
    one.writeUInt32BE(n);
    return one;
  });
}

function serverOf(shelf: Shelf, clock = new ManualClock(TIME)): QuestionServer {
  return new QuestionServer({ clock, log: shelf, metrics: createNamespacesMetrics() });
}

class Collector {
  readonly got: Buffer[] = [];
  readonly settled: LogPosition[] = [];
  isTaken = true;
  asked = 0;

  collect(ask: (question: Uint8Array) => Uint8Array, from = NOWHERE): Promise<boolean> {
    const known = new Set(this.got.map((one) => hex(Shelf.idOf(one))));
    return collectNotices({
      ask: async (question) => {
        this.asked += 1;
        return ask(question);
      },
      from,
      isKnown: (id) => known.has(hex(id)),
      take: async (notices) => {
        this.got.push(...notices.map((one) => Buffer.from(one)));
        return this.isTaken;
      },
      settle: (position) => this.settled.push(position),
    });
  }
}

test('everything comes once, in its order, whatever its size; and afterwards only what is new', async () => {
  const shelf = new Shelf([...some(300), ...some(20, 48_000), ...some(100, 9)]);
  const server = serverOf(shelf);
  const collector = new Collector();
  assert.equal(await collector.collect((question) => server.answer(question, 'peer')), true);
  assert.deepEqual(collector.got, shelf.notices);
  assert.equal(collector.settled.at(-1)?.position, 420);
  const { asked } = collector;
  shelf.notices.push(Buffer.from('news'));
  await collector.collect((question) => server.answer(question, 'peer'), collector.settled.at(-1));
  assert.equal(collector.asked, asked + 2);
  assert.equal(collector.got.length, 421);
  // another log of the same: its ids are told anew, nothing is sent again
  shelf.id = new Uint8Array(16).fill(2);
  await collector.collect((question) => server.answer(question, 'peer'), collector.settled.at(-1));
  assert.equal(collector.asked, asked + 3);
  assert.equal(collector.got.length, 421);
});

test('what could not be taken is asked for again: the position stays before it', async () => {
  const server = serverOf(new Shelf(some(10)));
  const collector = new Collector();
  collector.isTaken = false;
  assert.equal(await collector.collect((question) => server.answer(question, 'peer')), false);
  assert.deepEqual(collector.settled, []);
});

test('a log of more than a page is read page by page', async () => {
  const shelf = new Shelf(some(IDS_MAX + 5));
  const clock = new ManualClock(TIME);
  const server = serverOf(shelf, clock);
  const collector = new Collector();
  await collector.collect((question) => {
    clock.advance(1000);
    return server.answer(question, 'peer');
  });
  assert.equal(collector.got.length, IDS_MAX + 5);
  assert.deepEqual(
    collector.settled.map(({ position }) => position),
    [IDS_MAX, IDS_MAX + 5],
  );
});

test('ids of what is not there are passed over', async () => {
  const shelf = new Shelf(some(5));
  const gone = some(8).slice(5);
  const idsAfter = shelf.idsAfter.bind(shelf);
  shelf.idsAfter = (position, limit) => {
    const { ids } = idsAfter(position, limit);
    return { ids: [...gone.map((one) => Shelf.idOf(one)), ...ids], next: 8, isEnd: true };
  };
  const server = serverOf(shelf);
  const collector = new Collector();
  assert.equal(await collector.collect((question) => server.answer(question, 'peer')), true);
  assert.equal(collector.got.length, 5);
});

/** Answers about the log as it likes; notices are never there. */
function liar(logAnswer: (position: number, page: number) => Parameters<typeof encodeLogAnswer>[0]) {
  let page = 0;
  return (bytes: Uint8Array): Uint8Array => {
    const question = decodeQuestion(bytes);
    if (question.type === 'log') return encodeLogAnswer(logAnswer(question.position, page++));
    return encodeNoticesAnswer({ done: 1, notices: [], error: '' });
  };
}

function madeUp(page: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => sha256(Buffer.from(`${page} ${n}`)).subarray(0, 16));
}

test('a peer that makes up ids without end is left after so many questions', async () => {
  const collector = new Collector();
  const endless = liar((position, page) => {
    const ids = madeUp(page, 100);
    return { log: LOG, ids, next: position + 100, isEnd: false, error: '' };
  });
  assert.equal(await collector.collect(endless), false);
  assert.equal(collector.asked, EXCHANGE_QUESTIONS_MAX);
  const empty = new Collector();
  const blank = liar((position) => ({ log: LOG, ids: [], next: position + 1, isEnd: false, error: '' }));
  assert.equal(await empty.collect(blank), false);
  assert.equal(empty.asked, EXCHANGE_QUESTIONS_MAX);
});

const LIES: readonly [string, ReturnType<typeof liar>][] = [
  ['does not get on', liar(() => ({ log: LOG, ids: [], next: 0, isEnd: false, error: '' }))],
  ['goes back', liar((_, page) => ({ log: LOG, ids: [], next: 10 - page, isEnd: false, error: '' }))],
  [
    'has more ids than positions',
    liar((position) => ({ log: LOG, ids: madeUp(0, 3), next: position + 2, isEnd: true, error: '' })),
  ],
  [
    'changes its log within',
    liar((position, page) => ({
      log: new Uint8Array(16).fill(page),
      ids: [],
      next: position + 1,
      isEnd: false,
      error: '',
    })),
  ],
];

for (const [name, lie] of LIES) {
  test(`a log that ${name} ends the exchange`, async () => {
    const collector = new Collector();
    await assert.rejects(collector.collect(lie), { code: 'frame_malformed' });
    assert.ok(collector.asked <= 3, `${collector.asked}`);
  });
}

test('an answer that deals with nothing, with more than was asked, or gives more ends the exchange', async () => {
  for (const answer of [
    { done: 0, notices: [], error: '' },
    { done: 3, notices: [], error: '' },
    { done: 1, notices: some(2), error: '' },
  ]) {
    const collector = new Collector();
    const asked = collector.collect((bytes) =>
      decodeQuestion(bytes).type === 'log'
        ? encodeLogAnswer({ log: LOG, ids: madeUp(0, 2), next: 2, isEnd: true, error: '' })
        : encodeNoticesAnswer(answer),
    );
    await assert.rejects(asked, { code: 'frame_malformed' });
  }
});

test('a history is read until it is enough, ends, or does not get on', async () => {
  const shelf = new Shelf(some(600));
  const server = serverOf(shelf);
  const ask = async (question: Uint8Array): Promise<Uint8Array> => server.answer(question, 'peer');
  const name = { owner: didOf(AUTHOR), namespace: 'default' };
  let count = 0;
  const counting = async (policies: readonly Uint8Array[]): Promise<number> => (count += policies.length);
  await collectHistory({ ask, name, above: 0, take: counting });
  assert.equal(count, 600);
  let calls = 0;
  await collectHistory({ ask, name, above: 7, take: async () => ((calls += 1), 7) });
  await collectHistory({ ask, name, above: 7, take: async () => ((calls += 1), null) });
  assert.equal(calls, 2);
});

test('a peer that asks too much is told so, and all together are bounded', () => {
  const clock = new ManualClock(TIME);
  const server = serverOf(new Shelf(some(3)), clock);
  const question = encodeQuestion({ type: 'log', ...NOWHERE });
  const ask = (peer: string): string => decodeLogAnswer(server.answer(question, peer)).error;
  for (let i = 0; i < QUESTIONS_BURST; i++) assert.equal(ask('greedy'), '');
  assert.equal(ask('greedy'), 'rate_limited');
  assert.equal(ask('modest'), '');
  for (let i = QUESTIONS_BURST + 1; i < QUESTIONS_TOTAL_BURST; i++) ask(`peer ${i}`);
  for (let i = 0; i < 5; i++) ask('crowd');
  assert.equal(ask('late'), 'rate_limited');
  clock.advance(30_000);
  assert.equal(ask('late'), '');
  assert.equal(ask('greedy'), '');
});

test('who is refused or told nothing asks no further', async () => {
  const collector = new Collector();
  const refusing = liar(() => ({ log: LOG, ids: [], next: 0, isEnd: false, error: 'rate_limited' }));
  assert.equal(await collector.collect(refusing), false);
  assert.equal(collector.asked, 1);
});

test('notices that are made are those of the SPEC, and what would be refused is not made', async () => {
  const crypto = createCrypto();
  const signer = {
    publicKey: AUTHOR.publicKey,
    sign: async (message: Uint8Array) => sign(null, message, AUTHOR.key),
  };
  const maker = new NoticeMaker({ crypto, signer }, { swarm: SWARM });
  const did = didOf(AUTHOR);
  const authority = { time: TIME, as: did, chain: [] };
  const rules = {
    ...CLOSED_RULES,
    read: { anyone: true, dids: [] },
    publicTopics: ['news/'],
    quotaBytes: 2 ** 30,
  };
  const fields = { owner: did, namespace: 'default', sequence: 1, previous: null, holder: did, rules };
  const made = await maker.policy({ ...fields, ...authority });
  assert.ok(policy(POLICY).equals(made.bytes));
  const revoked = await maker.revocation({ target: { link: sha256(Buffer.from('a link')) }, ...authority });
  assert.ok(revocation(REVOCATION).equals(revoked.bytes));
  const link = await maker.revocation({ target: { link: linkNumber(1) }, ...authority });
  assert.ok(revokeLink(AUTHOR, linkNumber(1), { time: TIME }).equals(link.bytes));
  await assert.rejects(maker.policy({ ...fields, ...authority, namespace: 'Default' }), {
    code: 'notice_field',
  });
});
