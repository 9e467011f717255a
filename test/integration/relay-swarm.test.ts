import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DEFAULTS, type Delivery, type MaillonNode } from '../../node/index.ts';
import { Inbox, publish, startNode } from '../support/node.ts';
import { until } from '../support/processes.ts';

const NODES = 12;
const TOPICS = ['news', 'weather', 'chat'];
const AUTHORS = 4;
const MESSAGES = 25;

async function startSwarm(t: TestContext): Promise<MaillonNode[]> {
  const first = await startNode(t);
  const others = Array.from({ length: NODES - 1 }, () => startNode(t, { through: [first] }));
  return [first, ...(await Promise.all(others))];
}

/** Numbers of one author on one topic: from 1, without holes, each once, in the order of their numbers. */
function assertNoHoles(deliveries: readonly Delivery[]): void {
  const [first] = deliveries;
  assert.ok(deliveries.every(({ epoch }) => epoch === first?.epoch));
  const numbers = deliveries.map(({ seq }) => seq).toSorted((a, b) => a - b);
  assert.deepEqual(
    numbers,
    Array.from({ length: deliveries.length }, (_, i) => i + 1),
  );
}

function assertComplete(inbox: Inbox, authors: readonly string[], topic: string): void {
  assert.equal(new Set(inbox.deliveries.map(({ id }) => id)).size, inbox.deliveries.length, 'no id twice');
  for (const [i, author] of authors.entries()) {
    const own = inbox.deliveries.filter((one) => one.author === author);
    assertNoHoles(own);
    const texts = own.toSorted((a, b) => a.seq - b.seq).map(({ data }) => Buffer.from(data).toString());
    assert.deepEqual(
      texts,
      Array.from({ length: MESSAGES }, (_, n) => `${topic} ${i} ${n}`),
    );
  }
}

test('twelve nodes behind one address: meshes, complete delivery, newcomers', async (t) => {
  const nodes = await startSwarm(t);

  await t.test('each reaches D_low mesh peers on every shard', async () => {
    const low = DEFAULTS['gossip.degreeLow'];
    await until('every mesh has D_low peers', () =>
      nodes.every((node) => {
        const { mesh } = node.status();
        return mesh.length === 8 && mesh.every((size) => size >= low);
      }),
    );
  });

  await t.test(
    'messages of several authors reach every node exactly once, in order, without holes',
    async () => {
      const inboxes = TOPICS.map((topic) => nodes.map((node) => new Inbox(node, topic)));
      const publishers = nodes.slice(0, AUTHORS);
      const publishing = publishers.map(async (node, i) => {
        for (let n = 0; n < MESSAGES; n++) {
          await Promise.all(TOPICS.map((topic) => publish(node, topic, `${topic} ${i} ${n}`)));
        }
      });
      await Promise.all(publishing);
      const wanted = AUTHORS * MESSAGES;
      await until('everything is everywhere', () =>
        inboxes.flat().every(({ deliveries }) => deliveries.length >= wanted),
      );
      // a message more to each: a copy too many of what was before would have come by then
      for (const topic of TOPICS) await publish(nodes[NODES - 1] as MaillonNode, topic, 'end');
      await until('the end is everywhere', () => inboxes.flat().every((inbox) => inbox.has('end')));
      const authors = publishers.map((node) => node.status().author);
      for (const [i, topic] of TOPICS.entries()) {
        for (const inbox of inboxes[i] ?? []) {
          assert.equal(inbox.deliveries.length, wanted + 1);
          assertComplete(inbox, authors, topic);
        }
      }
    },
  );

  await t.test('identical payloads of two authors both arrive', async () => {
    const inboxes = nodes.map((node) => new Inbox(node, 'same'));
    await Promise.all(nodes.slice(0, 2).map((node) => publish(node, 'same', 'the same')));
    await until('both are everywhere', () => inboxes.every(({ deliveries }) => deliveries.length >= 2));
    for (const { deliveries } of inboxes)
      assert.equal(new Set(deliveries.map(({ author }) => author)).size, 2);
  });

  await t.test('what is published right after a new node’s start and subscribe arrives there', async (t) => {
    for (let i = 0; i < 3; i++) {
      const newcomer = await startNode(t, { through: nodes.slice(0, 1) });
      const inbox = new Inbox(newcomer, 'late');
      await Promise.all(nodes.map((node, n) => publish(node, 'late', `${i} ${n}`)));
      const wanted = nodes.map((_, n) => `${i} ${n}`);
      await until('all of them', () => wanted.every((text) => inbox.has(text)));
      // some of an earlier round may come too: gossip tells of the last seconds. Nothing comes twice
      assert.equal(new Set(inbox.texts).size, inbox.texts.length);
    }
  });

  await t.test('what a new node publishes right after its start arrives everywhere', async (t) => {
    const inboxes = nodes.map((node) => new Inbox(node, 'hello'));
    const newcomer = await startNode(t, { through: nodes.slice(3, 4) });
    await publish(newcomer, 'hello', 'I am new');
    await until('it is everywhere', () => inboxes.every((inbox) => inbox.has('I am new')));
  });

  await t.test('nobody holds anything against anybody', async () => {
    for (const node of nodes) {
      const below = (await node.peers()).filter(({ connected, score }) => connected && score < 0);
      assert.deepEqual(below, []);
      const { refused } = node.status().relay;
      assert.deepEqual(
        Object.entries(refused).filter(([, count]) => count > 0),
        [],
      );
    }
  });
});
