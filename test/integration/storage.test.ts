import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaillonNode } from '../../node/index.ts';
import { startNode, tcpAddress } from '../support/node.ts';
import { OWNER } from '../support/owner.ts';
import { scratch, until } from '../support/processes.ts';
import { codeOf, holders, idOf, known, named, read, startMembers, textOf } from '../support/storage.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

test('what is written at one node is read at the others, at a light one too', async (t) => {
  const nodes = await startMembers(t, 4);
  const [first, second] = nodes as [MaillonNode, MaillonNode];
  const light = await startNode(t, { through: [second], role: 'light' });
  await known([light], 4);
  const receipt = await first.storage.put(named('greeting'), bytes('hello'), {
    contentType: 'text/plain',
    durability: 'all',
  });
  assert.equal(receipt.replicaSet.length, 3);
  assert.deepEqual(new Set(receipt.replicas), new Set(receipt.replicaSet));
  assert.match(receipt.etag, /^"\d+-\d+-b[a-z2-7]{58}"$/);
  for (const node of [...nodes, light]) {
    const record = await node.storage.get(named('greeting'));
    assert.equal(textOf(record), 'hello');
    assert.deepEqual(
      [record?.etag, record?.contentType, record?.degraded, record?.author],
      [receipt.etag, 'text/plain', false, first.status().author],
    );
  }
  const second2 = await light.storage.put(named('greeting'), bytes('hello again'));
  assert.ok(second2.version.ms >= receipt.version.ms);
  assert.equal(await read(first, 'greeting'), 'hello again');
  assert.equal(
    textOf(await second.storage.get(named('greeting'), { consistency: 'one' }))?.slice(0, 5),
    'hello',
  );
  assert.equal(await second.storage.get(named('nothing')), null);
  assert.equal(light.storage.status().capacityBytes, 0);
  assert.equal((await light.probe()).find(({ name }) => name === 'storage')?.ok, true);
});

test('conditions hold or are refused by name', async (t) => {
  const [first, second] = (await startMembers(t, 3)) as [MaillonNode, MaillonNode];
  const { etag } = await first.storage.put(named('a'), bytes('1'), { ifAbsent: true });
  await assert.rejects(second.storage.put(named('a'), bytes('2'), { ifAbsent: true }), (error: never) => {
    const { code, detail } = error as { code: string; detail: { etag: string } };
    return code === 'exists' && detail.etag === etag;
  });
  const next = await second.storage.put(named('a'), bytes('2'), { ifVersion: etag });
  await assert.rejects(first.storage.put(named('a'), bytes('3'), { ifVersion: etag }), (error: never) => {
    const { code, detail } = error as { code: string; detail: { etag: string } };
    return code === 'precondition_failed' && detail.etag === next.etag;
  });
  assert.equal(await read(first, 'a'), '2');
  assert.equal(await codeOf(first.storage.delete(named('a'), { ifVersion: etag })), 'precondition_failed');
  await first.storage.delete(named('a'), { ifVersion: next.etag });
  assert.equal(
    await codeOf(first.storage.put(named('a'), bytes('4'), { ifVersion: next.etag })),
    'precondition_failed',
  );
  await first.storage.put(named('a'), bytes('5'), { ifAbsent: true });
  assert.equal(await read(second, 'a'), '5');
});

test('of many that write on one condition at most one is told that it did', async (t) => {
  const nodes = await startMembers(t, 3);
  const racers = nodes.flatMap((node) => [node, node, node]);
  const codes = await Promise.all(
    racers.map((node, n) => codeOf(node.storage.put(named('lock'), bytes(`${n}`), { ifAbsent: true }))),
  );
  assert.ok(codes.filter((code) => code === null).length <= 1, codes.join());
  assert.ok(
    codes.every((code) => code === null || code === 'exists' || code === 'outcome_unknown'),
    codes.join(),
  );
});

test('what is deleted is gone everywhere and can be written again; what expires is gone by itself', async (t) => {
  const [first, second] = (await startMembers(t, 3)) as [MaillonNode, MaillonNode];
  await first.storage.put(named('a'), bytes('1'));
  await second.storage.delete(named('a'));
  assert.equal(await read(first, 'a'), null);
  await second.storage.delete(named('never there'));
  await first.storage.put(named('a'), bytes('2'));
  assert.equal(await read(second, 'a'), '2');
  const receipt = await first.storage.put(named('short'), bytes('x'), { ttlMs: 400 });
  assert.ok(receipt.expiresAt !== null);
  assert.equal(await read(second, 'short'), 'x');
  await until('it has expired', async () => (await read(second, 'short')) === null);
  assert.ok(Date.now() >= receipt.expiresAt);
  const { entries } = await second.storage.list({ owner: OWNER.did, namespace: 'default' });
  assert.deepEqual(
    entries.map(({ key }) => key),
    ['a'],
  );
});

test('a list is complete, in the order of bytes, by prefix, in pages', async (t) => {
  const [first, second] = (await startMembers(t, 3)) as [MaillonNode, MaillonNode];
  const keys = Array.from({ length: 60 }, (_, n) => `k/${n}`);
  keys.push('k/é', 'k/\u{1f600}', 'k/\uffee', 'l/1', 'k');
  await Promise.all(keys.map((key) => first.storage.put(named(key), bytes(key))));
  await first.storage.delete(named('k/7'));
  const wanted = keys
    .filter((key) => key.startsWith('k/') && key !== 'k/7')
    .toSorted((a, b) => Buffer.compare(bytes(a), bytes(b)));
  const found: string[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const page = await second.storage.list({
      owner: OWNER.did,
      namespace: 'default',
      prefix: 'k/',
      limit: 7,
      ...(cursor === null ? {} : { cursor }),
    });
    assert.ok(page.entries.length <= 7);
    found.push(...page.entries.map(({ key }) => key));
    ({ cursor } = page);
    pages += 1;
  } while (cursor !== null);
  assert.deepEqual(found, wanted);
  assert.equal(pages, Math.ceil(wanted.length / 7));
  const all = await second.storage.list({ owner: OWNER.did, namespace: 'default', limit: 1000 });
  assert.equal(all.entries.length, keys.length - 1);
  assert.deepEqual(await first.storage.list({ owner: OWNER.did, namespace: 'other' }), {
    entries: [],
    cursor: null,
    degraded: false,
    copies: { live: 3, wanted: 3 },
  });
});

test('what cannot be is refused by name before anybody is asked', async (t) => {
  const { storage } = await startNode(t);
  const value = bytes('x');
  const list = (other: object) => storage.list({ owner: OWNER.did, namespace: 'default', ...other });
  const expected: [string, Promise<unknown>][] = [
    ['bad_namespace', storage.put(named('k', 'No!'), value)],
    ['bad_owner', storage.put({ ...named('k'), owner: 'did:key:z6Mk' }, value)],
    ['bad_key', storage.put(named(''), value)],
    ['bad_key', storage.get(named('k'.repeat(1025)))],
    ['bad_ttl', storage.put(named('k'), value, { ttlMs: 0 })],
    ['bad_content_type', storage.put(named('k'), value, { contentType: 'a\nb' })],
    ['bad_etag', storage.put(named('k'), value, { ifVersion: 'x' })],
    ['bad_limit', list({ limit: 0 })],
    ['bad_cursor', list({ cursor: 'x' })],
  ];
  for (const [code, work] of expected) assert.equal(await codeOf(work), code);
});

test('a node alone is a swarm of one; those who join take over what it has', async (t) => {
  const first = await startNode(t);
  const receipt = await first.storage.put(named('early'), bytes('bird'));
  assert.deepEqual(receipt.replicaSet, [idOf(first)]);
  await Promise.all(Array.from({ length: 50 }, (_, n) => first.storage.put(named(`n${n}`), bytes(`${n}`))));
  const others = [await startNode(t, { through: [first] }), await startNode(t, { through: [first] })];
  await known([first, ...others], 3);
  for (const node of others) assert.equal(await read(node, 'early'), 'bird');
  for (let n = 0; n < 50; n++) {
    await until('all three have it and say so', async () => {
      const found = await holders(others[0] as MaillonNode, `n${n}`);
      return found.every(({ isSynced, etag }) => isSynced === true && etag !== null);
    });
  }
  await first.stop();
  for (let n = 0; n < 50; n++) assert.equal(await read(others[n % 2] as MaillonNode, `n${n}`), `${n}`);
});

test('with one of three replicas gone a majority reads and writes; with two gone nothing is said that is not so', async (t) => {
  const [first, second, third] = (await startMembers(t, 3)) as [MaillonNode, MaillonNode, MaillonNode];
  await first.storage.put(named('a'), bytes('1'), { durability: 'all' });
  await third.stop();
  await first.storage.put(named('a'), bytes('2'));
  const record = await second.storage.get(named('a'));
  assert.deepEqual([textOf(record), record?.degraded], ['2', false]);
  assert.equal(
    await codeOf(first.storage.put(named('a'), bytes('3'), { durability: 'all' })),
    'insufficient_replicas',
  );
  await first.storage.put(named('a'), bytes('4'));
  await second.stop();
  await until('the first one knows', async () => {
    return (await holders(first, 'a')).filter(({ isLive }) => isLive).length === 1;
  });
  const degraded = await first.storage.get(named('a'));
  assert.deepEqual([textOf(degraded), degraded?.degraded], ['4', true]);
  const one = await first.storage.get(named('a'), { consistency: 'one' });
  assert.deepEqual([textOf(one), one?.degraded], ['4', false]);
  assert.equal(
    await codeOf(first.storage.get(named('a'), { consistency: 'majority' })),
    'insufficient_replicas',
  );
  assert.equal(await codeOf(first.storage.get(named('nothing'))), 'insufficient_replicas');
  assert.equal(await codeOf(first.storage.put(named('a'), bytes('5'))), 'insufficient_replicas');
  assert.equal(
    await codeOf(first.storage.list({ owner: OWNER.did, namespace: 'default' })),
    'list_incomplete',
  );
  await first.storage.put(named('a'), bytes('6'), { durability: 'one' });
  assert.equal(textOf(await first.storage.get(named('a'))), '6');
});

test('a replica that was away gets what it missed, and all that restart have what was acknowledged', async (t) => {
  // hooks run in the order of their registration: nodes end before their directories do
  const started: MaillonNode[] = [];
  t.after(() => Promise.all(started.map((node) => node.stop())));
  const directories = [scratch(t), scratch(t), scratch(t)];
  const founded: MaillonNode[] = [];
  for (const data of directories) founded.push(await startNode(t, { data, through: founded.slice(0, 1) }));
  started.push(...founded);
  await known(founded, 3);
  const addresses = founded.map(tcpAddress);
  const bootstrap = addresses.slice(0, 1);
  /** The node of this number as it would start again: where it was. */
  const again = async (n: number): Promise<MaillonNode> => {
    const port = Number(/\/tcp\/(\d+)/.exec(addresses[n] ?? '')?.[1]);
    const settings = { 'listen.tcp': port, ...(n === 0 ? {} : { bootstrap }) };
    const node = await startNode(t, { data: directories[n] ?? '', settings });
    started.push(node);
    return node;
  };
  const [first, second, third] = founded as [MaillonNode, MaillonNode, MaillonNode];
  await first.storage.put(named('a'), bytes('1'), { durability: 'all' });
  await third.stop();
  await first.storage.put(named('a'), bytes('2'));
  await second.storage.put(named('b'), bytes('new'));
  await first.storage.delete(named('c'));
  const back = await again(2);
  await until('it is asked again', async () => (await back.storage.get(named('a')))?.degraded === false);
  assert.equal(await read(back, 'a'), '2');
  await until('the one that was away has it', async () => {
    const found = [...(await holders(first, 'a')), ...(await holders(first, 'b'))];
    return found.every(({ etag }) => etag !== null) && new Set(found.map(({ etag }) => etag)).size === 2;
  });
  await Promise.all([first, second, back].map((node) => node.stop()));
  const alone = await again(1);
  assert.equal(alone.storage.status().members, 3, 'it does not take itself for the whole swarm');
  assert.equal(await codeOf(alone.storage.put(named('a'), bytes('3'))), 'insufficient_replicas');
  const restarted = [await again(0), alone, await again(2)];
  for (const node of restarted) {
    await until('a majority is asked again', async () => {
      const record = await node.storage.get(named('a')).catch(() => null);
      return textOf(record) === '2' && record?.degraded === false;
    });
    assert.equal(await read(node, 'b'), 'new');
    assert.equal(await read(node, 'c'), null);
  }
});
