import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import { namespaceId } from '../../../../protocols/common/names.ts';
import { gossipTopic, gossipTopics, shardOf, TopicPlaces } from '../../../../protocols/relay/index.ts';
import { didOf } from '../../../support/did.ts';
import { AUTHOR, SWARM, shardNumber, shardTopic } from '../../../support/envelopes.ts';

const crypto = createCrypto();
const OWNER = didOf(AUTHOR);

test('the shards of generation 0 are eight', () => {
  assert.deepEqual(
    gossipTopics(),
    [0, 1, 2, 3, 4, 5, 6, 7].map((shard) => `/maillon/relay/1/0/${shard}`),
  );
  assert.equal(gossipTopic(3), '/maillon/relay/1/0/3');
});

test('the example of the SPEC is on shard 2', () => {
  assert.equal(shardOf(crypto, namespaceId(crypto, 'maillon', OWNER, 'default'), 'hello'), 2);
});

const name = fc.record({
  owner: fc.string({ maxLength: 20 }),
  namespace: fc.stringMatching(/^[a-z0-9-]{1,64}$/),
  topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
});

test('a topic is on the shard that the SPEC’s formula gives', () => {
  const places = new TopicPlaces({ crypto }, { swarm: 'some-swarm' });
  fc.assert(
    fc.property(name, (one) => {
      const shard = shardNumber(one, 'some-swarm');
      assert.equal(
        shardOf(crypto, namespaceId(crypto, 'some-swarm', one.owner, one.namespace), one.topic),
        shard,
      );
      assert.equal(places.of(one).gossipTopic, shardTopic(shard));
      assert.equal(places.of(one).gossipTopic, shardTopic(shard), 'the remembered one too');
    }),
  );
});

test('10 000 topics spread over all shards', () => {
  const places = new TopicPlaces({ crypto }, { swarm: SWARM });
  const counts = new Map<string, number>();
  for (let i = 0; i < 10_000; i++) {
    const place = places.of({ owner: OWNER, namespace: 'default', topic: `topic-${i}` }).gossipTopic;
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  assert.equal(counts.size, 8);
  // 1 250 each, give or take 33; five times that is a broken hash
  for (const [place, count] of counts) assert.ok(Math.abs(count - 1250) < 166, `${place}: ${count}`);
});

test('different topics have different keys, whatever is moved between their names', () => {
  const places = new TopicPlaces({ crypto }, { swarm: SWARM });
  const names = [
    { owner: '', namespace: 'ab', topic: 'c' },
    { owner: '', namespace: 'a', topic: 'bc' },
    { owner: 'b', namespace: 'a', topic: 'c' },
    { owner: '', namespace: 'a', topic: 'b c' },
    { owner: 'bc', namespace: 'a', topic: 'c' },
    { owner: 'b', namespace: 'a', topic: 'cc' },
  ];
  assert.equal(new Set(names.map((one) => places.of(one).key)).size, names.length);
});

test('places are right beyond what is remembered', () => {
  const places = new TopicPlaces({ crypto }, { swarm: SWARM });
  const topics = Array.from({ length: 25_000 }, (_, i) => `t${i}`);
  for (const topic of topics) places.of({ owner: OWNER, namespace: 'n', topic });
  for (const topic of ['t0', 't9999', 't10000', 't24999']) {
    const expected = shardTopic(shardNumber({ namespace: 'n', topic }));
    assert.equal(places.of({ owner: OWNER, namespace: 'n', topic }).gossipTopic, expected);
  }
});
