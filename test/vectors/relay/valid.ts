import * as cbor from '../../support/cbor.ts';
import {
  bodyOf,
  cidOf,
  EXAMPLE,
  EXAMPLE_SHARD,
  envelope,
  type Items,
  OTHER_AUTHOR,
  shardNumber,
  shardTopic,
  TIME,
} from '../../support/envelopes.ts';
import { type Vector, written } from './vector.ts';

const SAFE_MAX = Number.MAX_SAFE_INTEGER;
const DEFAULT_TOPIC = shardTopic(EXAMPLE_SHARD);

/** Envelopes of several messages of `size` equal bytes. */
export function messages(...sizes: readonly number[]): Buffer {
  return cbor.list(sizes.map((size) => cbor.bytes(Buffer.alloc(size, 0x61))));
}

/** Every field as large as it may be, and as many empty messages as make an envelope of `total` bytes. */
export function largest(total: number): Partial<Items> {
  const items: Partial<Items> = {
    owner: cbor.text(`did:key:${'z'.repeat(248)}`),
    namespace: cbor.text('n'.repeat(64)),
    topic: cbor.text('t'.repeat(256)),
    epoch: cbor.integer(SAFE_MAX),
    sequence: cbor.integer(SAFE_MAX - 1024),
    expiry: cbor.integer(SAFE_MAX),
    chain: cbor.list([2048, 2042, 1, 1, 1, 1, 1, 1].map((size) => cbor.bytes(Buffer.alloc(size, 0x63)))),
    ext: cbor.map([['a', cbor.bytes(Buffer.alloc(512 - 6, 0x65))]]),
  };
  const rest = envelope({ ...items, messages: messages() }).byteLength;
  // the head of a list of more than 255 takes two bytes more, that of the message five, an empty one's one
  const empty = total - rest - 2 - 5 - 147_456;
  if (empty < 255 || empty > 1023) throw new RangeError(`${empty} empty messages`);
  return { ...items, messages: messages(147_456, ...Array.from({ length: empty }, () => 0)) };
}

function vector(name: string, items: Partial<Items>, place: Partial<Vector> = {}): Vector {
  const all = { ...EXAMPLE, ...items };
  return {
    name,
    ...written(envelope(items)),
    valid: true,
    id: cidOf(bodyOf(all)),
    gossipTopic: DEFAULT_TOPIC,
    now: TIME,
    ...place,
  };
}

function onTopic(name: string, topic: string): Vector {
  const gossipTopic = shardTopic(shardNumber({ namespace: 'default', topic }));
  return vector(name, { topic: cbor.text(topic) }, { gossipTopic });
}

function withExt(name: string, ext: Buffer): Vector {
  return vector(name, { ext });
}

function fields(): Vector[] {
  const owner = `did:key:z${'é'.repeat(123)}x`;
  const namespace = 'a-0'.padEnd(64, 'z');
  return [
    vector('the example of the SPEC', {}),
    vector('an empty message', { messages: messages(0) }),
    vector('several messages, some empty, some equal', { messages: messages(3, 0, 3, 300) }),
    vector('1 024 messages', { messages: messages(...Array.from({ length: 1024 }, () => 1)) }),
    vector('1 024 empty messages', { messages: messages(...Array.from({ length: 1024 }, () => 0)) }),
    vector('one message of 147 456 bytes', { messages: messages(147_456) }),
    vector('epoch 0', { epoch: cbor.integer(0) }),
    vector('the highest epoch and sequence', {
      epoch: cbor.integer(SAFE_MAX),
      sequence: cbor.integer(SAFE_MAX - 1),
    }),
    vector('an expiry 1 ms after the time', { expiry: cbor.integer(TIME + 1) }),
    vector('the latest expiry', { expiry: cbor.integer(SAFE_MAX) }),
    vector(
      'a namespace of one character',
      { namespace: cbor.text('-') },
      {
        gossipTopic: shardTopic(shardNumber({ namespace: '-', topic: 'hello' })),
      },
    ),
    vector(
      'a namespace of 64 characters',
      { namespace: cbor.text(namespace) },
      {
        gossipTopic: shardTopic(shardNumber({ namespace, topic: 'hello' })),
      },
    ),
    vector(
      'an owner of 256 bytes',
      { owner: cbor.text(owner) },
      {
        gossipTopic: shardTopic(shardNumber({ owner, namespace: 'default', topic: 'hello' })),
      },
    ),
  ];
}

function topics(): Vector[] {
  return [
    onTopic('a topic of one byte', 't'),
    onTopic('a topic of 256 bytes with characters of 1 to 4 bytes', `${'aé€😀'.repeat(25)}abcdef`),
    onTopic('a topic with U+0080, which is no control character of the rule', 'a\u0080b'),
    onTopic('a topic with spaces, slashes and the replacement character', ' /a\uFFFD/ '),
    onTopic('a topic with a byte order mark within', 'a\uFEFFb'),
    onTopic('a topic that is not normalised', 'e\u0301'),
  ];
}

function link(size: number): Buffer {
  return cbor.bytes(Buffer.alloc(size, 0x63));
}

function chainsAndExts(): Vector[] {
  const deep = cbor.map([['a', cbor.list([cbor.list([cbor.list([cbor.integer(1)])])])]]);
  const values = cbor.map([
    ['', cbor.NULL],
    ['b', cbor.TRUE],
    ['c', cbor.FALSE],
    ['d', cbor.integer(SAFE_MAX)],
    ['e', cbor.integer(-SAFE_MAX)],
    ['f', cbor.text('é')],
    ['g', cbor.bytes(Buffer.of(0, 255))],
    ['h', cbor.list([cbor.integer(0), cbor.list([])])],
    ['i', cbor.map([['x', cbor.map([])]])],
    ['aa', cbor.integer(24)],
  ]);
  // the key takes 2 bytes, the map 1, the head of the value 3
  const full = cbor.map([['a', cbor.bytes(Buffer.alloc(512 - 6, 0x65))]]);
  return [
    vector('a chain of 8 links', { chain: cbor.list(Array.from({ length: 8 }, () => link(512))) }),
    vector('a chain of two links of 2 048 bytes', { chain: cbor.list([link(2048), link(2048)]) }),
    vector('a chain of one link of one byte', { chain: cbor.list([link(1)]) }),
    withExt('ext with every type of value', values),
    withExt('ext of 512 bytes', full),
    withExt('ext nested 4 deep', deep),
    withExt('ext with the key __proto__', cbor.map([['__proto__', cbor.map([])]])),
  ];
}

function places(): Vector[] {
  const author = cbor.bytes(OTHER_AUTHOR.multikey);
  const other = envelope({}, { author: OTHER_AUTHOR });
  const large = { ...EXAMPLE, ...largest(153_600) };
  return [
    vector('by another author', { author }, written(other)),
    vector('20 000 ms late', {}, { now: TIME + 20_000 }),
    vector('20 000 ms early', {}, { now: TIME - 20_000 }),
    vector('1 ms before it expires', { expiry: cbor.integer(TIME + 100) }, { now: TIME + 99 }),
    vector('the largest envelope', large, {
      gossipTopic: shardTopic(
        shardNumber({
          owner: `did:key:${'z'.repeat(248)}`,
          namespace: 'n'.repeat(64),
          topic: 't'.repeat(256),
        }),
      ),
    }),
  ];
}

export function validVectors(): Vector[] {
  return [...fields(), ...topics(), ...chainsAndExts(), ...places()];
}
