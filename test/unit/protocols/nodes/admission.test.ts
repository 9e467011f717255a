import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  collectAnnouncements,
  createNodesMetrics,
  decodePage,
  decodeRequest,
  encodePage,
  encodeRequest,
  NodeAdmission,
  NodeAnnouncer,
  NodesError,
  type NodesErrorCode,
  type Origin,
  PAGE_MAX_BYTES,
  PAGES_BURST,
  PageServer,
  type SignedAnnouncement,
  VERIFIED_BURST,
} from '../../../../protocols/nodes/index.ts';
import { announcement, announcementAt, EXAMPLE, tcp4, wireOf } from '../../../support/announcements.ts';
import * as cbor from '../../../support/cbor.ts';
import { authorNumber, held } from '../../../support/directory.ts';
import { SWARM, TIME } from '../../../support/envelopes.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const crypto = createCrypto();
const NOBODY = new Uint8Array();
const verifyOperator = async (): Promise<void> => undefined;

class Receiver {
  readonly clock = new ManualClock(TIME);
  readonly metrics = createNodesMetrics();
  readonly times = new Map<string, number>();
  readonly admission: NodeAdmission;
  verified = 0;
  hasRoom = true;

  constructor() {
    const counting = {
      sha256: (data: Uint8Array) => crypto.sha256(data),
      verifyEd25519: (...call: Parameters<typeof crypto.verifyEd25519>) => {
        this.verified += 1;
        return crypto.verifyEd25519(...call);
      },
    };
    const own = {
      timeOf: (author: Uint8Array) => this.times.get(String(author)),
      put: (one: SignedAnnouncement) => {
        if (this.hasRoom) this.times.set(String(one.author), one.time);
        return this.hasRoom;
      },
    };
    const { clock, metrics } = this;
    const components = { crypto: counting, clock, held: own, metrics, verifyOperator };
    this.admission = new NodeAdmission(components, { swarm: SWARM });
  }

  async receive(
    bytes: Uint8Array,
    peer = 'peer',
    origin: Origin = 'pushed',
  ): Promise<'accepted' | NodesErrorCode> {
    try {
      await this.admission.admit(bytes, peer, origin);
      return 'accepted';
    } catch (error) {
      if (error instanceof NodesError) return error.code;
      throw error;
    }
  }
}

test('of copies that come together one is taken', async () => {
  const receiver = new Receiver();
  const results = await Promise.all(Array.from({ length: 5 }, () => receiver.receive(announcement())));
  assert.deepEqual(results.toSorted(), ['accepted', ...Array<string>(4).fill('announcement_old')].toSorted());
  assert.equal(receiver.metrics.announcementsAccepted, 1);
});

test('what is known is not verified again', async () => {
  const receiver = new Receiver();
  await receiver.receive(announcement());
  await receiver.receive(announcement());
  assert.equal(receiver.verified, 1);
});

test('a forged announcement that comes first does not keep the true one out', async () => {
  const receiver = new Receiver();
  assert.equal(await receiver.receive(wireOf(EXAMPLE, Buffer.alloc(64))), 'announcement_signature');
  assert.equal(await receiver.receive(announcement()), 'accepted');
});

test('three proven faults shun a peer; what it replays does not, nor does a crowd', async () => {
  const receiver = new Receiver();
  for (let i = 0; i < 3; i++) await receiver.receive(wireOf(EXAMPLE, Buffer.alloc(64, i)), 'forger');
  assert.equal(receiver.admission.isGraylisted('forger'), true);
  await receiver.receive(announcement());
  for (let i = 0; i < 300; i++) await receiver.receive(announcement(), 'honest');
  receiver.hasRoom = false;
  for (let n = 0; n < 600; n++) {
    const one = announcementAt(TIME, authorNumber(n), tcp4('192.0.2.1', 1));
    assert.equal(await receiver.receive(one, 'honest'), 'announcement_crowded');
  }
  assert.equal(receiver.admission.isGraylisted('honest'), false);
});

test('a flood of replays shuns a peer until it slows down', async () => {
  const receiver = new Receiver();
  await receiver.receive(announcement());
  for (let i = 0; i < 402; i++) await receiver.receive(announcement(), 'flooder');
  assert.equal(receiver.admission.isGraylisted('flooder'), true);
  receiver.clock.advance(5000);
  assert.equal(receiver.admission.isGraylisted('flooder'), false);
});

test('what was asked for may be old or late without fault, but not forged', async () => {
  const receiver = new Receiver();
  await receiver.receive(announcement());
  for (let i = 0; i < 1000; i++) await receiver.receive(announcement(), 'asked', 'asked');
  assert.equal(receiver.admission.isGraylisted('asked'), false);
  assert.equal(receiver.metrics.refused.announcement_old, 0);
  // of somebody whom nothing is known of: a known one's would be old before it is verified
  const unknown = { ...EXAMPLE, author: cbor.bytes(authorNumber(1).multikey) };
  for (let i = 0; i < 3; i++) await receiver.receive(wireOf(unknown, Buffer.alloc(64, i)), 'asked', 'asked');
  assert.equal(receiver.admission.isGraylisted('asked'), true);
});

/** An announcement of the `n`-th author with an invalid signature. */
function forged(n: number): Buffer {
  return wireOf({ ...EXAMPLE, author: cbor.bytes(authorNumber(n).multikey) }, Buffer.alloc(64));
}

test('a peer has so many verified and no more, and is not charged for what is over', async () => {
  const receiver = new Receiver();
  for (let n = 0; n <= VERIFIED_BURST; n++) await receiver.receive(forged(n), 'flooder');
  assert.equal(await receiver.receive(announcement(), 'flooder'), 'overloaded');
  assert.equal(await receiver.receive(announcement(), 'another'), 'accepted');
  assert.equal(receiver.verified, VERIFIED_BURST + 2);
});

function serverOf(all: readonly SignedAnnouncement[], clock = new ManualClock(TIME)): PageServer {
  return new PageServer({ clock, held: () => all, metrics: createNodesMetrics() });
}

const many = Array.from({ length: 40 }, (_, n) => held(TIME, authorNumber(n), tcp4('192.0.2.1', n + 1)));

test('pages hold everything once, in the order of the keys', async () => {
  const server = serverOf(many);
  const got: Buffer[] = [];
  const isWhole = await collectAnnouncements({
    // as many questions as there are pages of seven
    ask: async (request) => server.answer(encodeRequest({ ...decodeRequest(request), limit: 7 }), 'peer'),
    from: NOBODY,
    pagesMax: 10,
    onAnnouncement: async (bytes) => {
      got.push(Buffer.from(bytes));
    },
  });
  assert.equal(isWhole, true);
  const sorted = many.toSorted((a, b) => Buffer.compare(a.author, b.author)).map(({ bytes }) => bytes);
  assert.deepEqual(
    got,
    sorted.map((bytes) => Buffer.from(bytes)),
  );
});

test('a page is never larger than a frame may be', () => {
  const large = Array.from({ length: 60 }, (_, n) => {
    const one = held(TIME, authorNumber(n));
    return { ...one, bytes: new Uint8Array(6000) };
  });
  const answer = serverOf(large).answer(encodeRequest({ cursor: NOBODY, limit: 512 }), 'peer');
  assert.ok(answer.byteLength <= PAGE_MAX_BYTES && answer.byteLength > PAGE_MAX_BYTES - 7000);
  const { announcements, next } = decodePage(answer);
  assert.equal(announcements.length, 43);
  assert.equal(next.byteLength, 34);
});

test('a peer that asks too much is told so, others are answered', () => {
  const clock = new ManualClock(TIME);
  const server = serverOf(many, clock);
  const request = encodeRequest({ cursor: NOBODY, limit: 1 });
  const ask = (peer: string): string => decodePage(server.answer(request, peer)).error;
  for (let i = 0; i < PAGES_BURST; i++) assert.equal(ask('greedy'), '');
  assert.equal(ask('greedy'), 'rate_limited');
  assert.equal(ask('modest'), '');
  clock.advance(60_000);
  assert.equal(ask('greedy'), '');
});

/** An answer that says to go on where it began. */
const STUCK = encodePage({ announcements: [], next: new Uint8Array(34).fill(1), error: '' });

test('a peer that makes up keys without end, or does not get on, is left', async () => {
  let asked = 0;
  const options = { from: NOBODY, pagesMax: 5, onAnnouncement: () => Promise.resolve() };
  const endless = async (): Promise<Uint8Array> => {
    asked += 1;
    const next = new Uint8Array(34).fill(asked);
    return encodePage({ announcements: [], next, error: '' });
  };
  assert.equal(await collectAnnouncements({ ...options, ask: endless }), false);
  assert.equal(asked, 5);
  await assert.rejects(collectAnnouncements({ ...options, ask: () => Promise.resolve(STUCK) }), {
    code: 'frame_malformed',
  });
  const refusing = async (): Promise<Uint8Array> =>
    encodePage({ announcements: [], next: NOBODY, error: 'rate_limited' });
  assert.equal(await collectAnnouncements({ ...options, ask: refusing }), false);
});

test('announcements of a node are each later than the one before, whatever its clock does', async () => {
  const clock = new ManualClock(TIME);
  const { publicKey, key } = authorNumber(1);

  const signer = { publicKey, sign: async (message: Uint8Array) => sign(null, message, key) };
  const announcer = new NodeAnnouncer({ crypto, clock, signer }, { swarm: SWARM });
  const description = {
    role: 'full' as const,
    addresses: [tcp4('192.0.2.1', 1)],
    software: '1',
    generation: 0,
    shards: [],
    storageBytes: 0,
    operator: '',
    chain: [],
    isReady: false,
    connections: 1,
  };
  const receiver = new Receiver();
  let last = 0;
  for (const step of [0, 0, -60_000, 5000]) {
    clock.advance(step);
    const { time, bytes } = await announcer.announce(description);
    assert.ok(time >= last + 1000 || last === 0, `${time} after ${last}`);
    last = time;
    assert.equal(await receiver.receive(bytes), 'accepted');
  }
  announcer.outdo(last + 30_000);
  assert.ok((await announcer.announce(description)).time > last + 30_000);
});
