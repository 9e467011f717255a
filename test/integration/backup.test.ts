/** Backups of whole nodes: what is in them, what they cost the second time, what they refuse, and what comes back. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CONTENTS } from '../../node/backup/contents.ts';
import type { MaillonNode } from '../../node/index.ts';
import { loadOwner, passphraseFrom } from '../../node/keys.ts';
import { assertServed, type Kept, startKept, valueOf } from '../support/kept-nodes.ts';
import { startNode } from '../support/node.ts';
import { OWNER, OWNER_KEY_VARIABLE } from '../support/owner.ts';
import { maillon, scratch, until } from '../support/processes.ts';
import { post, proofFor, type SignedIn, signIn, walletOf } from '../support/sign-in.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { NO_MOUNT, smallDisk } from '../support/small-disk.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { codeOf, idOf, named, read } from '../support/storage.ts';

const NEVER = new AbortController().signal;
const KIB = 1024;
const BLOB_BYTES = 1_300 * KIB;

/** Files that a backup leaves out, each with the reason. */
const LEFT_OUT: readonly (readonly [RegExp, string])[] = [
  [/^(keys\/)?lock(-journal)?$/, 'holds nothing'],
  [/-(wal|shm)$/, 'is in the copy of its database'],
  [/^relay\/seen\./, 'what was seen before a restore is too old to be accepted again'],
  [/^(run|owner)\.json$/, 'are of the process that runs'],
  [/^admin\.token$/, 'is made anew'],
  [/^storage\/scrub$/, 'a scrub begins anew'],
  [/^storage\/blobs\/blocks\//, 'blocks are beside the snapshot'],
];

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

function snapshotIn(directory: string): string {
  const names = readdirSync(directory).filter((name) => name.startsWith('snapshot-'));
  assert.equal(names.length, 1, names.join());
  return join(directory, names[0] ?? '');
}

const backedUp = (node: MaillonNode, directory: string, isCopied = true) =>
  node.backup({ directory, isCopied, signal: NEVER });

/** Runs `maillon restore`. */
async function restored(
  t: TestContext,
  ...args: string[]
): Promise<{ exit: unknown; stderr: string; report: Record<string, unknown> }> {
  const program = maillon(t, ['restore', ...args, '--json']);
  const exit = await program.exit;
  const report = exit === 0 ? (JSON.parse(program.stdout) as Record<string, unknown>) : {};
  return { exit, stderr: program.stderr, report };
}

/** A directory that goes after the nodes on it were stopped: hooks run in the order in which they were registered. */
function place(t: TestContext): {
  readonly path: string;
  readonly stopping: (node: MaillonNode) => MaillonNode;
} {
  const nodes: MaillonNode[] = [];
  const path = mkdtempSync(join(tmpdir(), 'maillon-backup-'));
  t.after(async () => {
    for (const node of nodes) await node.stop();
    rmSync(path, { recursive: true, force: true });
  });
  return {
    path,
    stopping: (node) => {
      nodes.push(node);
      return node;
    },
  };
}

async function loneSite(data: string): Promise<Site> {
  return startSite({ settings: { data }, isAudited: true });
}

test('a backup of a running node has every file that it keeps, private, and each on its lists', async (t) => {
  const data = join(scratch(t), 'data');
  await using site = await loneSite(data);
  const keys = maillon(t, ['keys', 'new', 'alice', '--data', data]);
  assert.equal(await keys.exit, 0, keys.stderr);
  await signIn(site.url, await walletOf(1));
  await site.node.storage.put(named('blob'), valueOf('blob', BLOB_BYTES));
  await site.node.storage.put(named('record'), valueOf('record', KIB));
  await until('its peers are on disk', () => existsSync(join(data, 'storage/members')));
  const directory = join(scratch(t), 'backup');
  const phases = new Set<string>();
  const report = await site.node.backup({
    directory,
    isCopied: true,
    signal: NEVER,
    onProgress: ({ phase }) => phases.add(phase),
  });
  assert.deepEqual([...phases], ['copying', 'verifying']);
  assert.equal(report.peerId, idOf(site.node));

  const snapshot = snapshotIn(directory);
  const held = new Set(filesIn(join(snapshot, 'data')));
  for (const path of filesIn(data)) {
    const isLeftOut = LEFT_OUT.some(([pattern]) => pattern.test(path));
    assert.equal(held.has(path), !isLeftOut, `${path} is in the backup, or in LEFT_OUT with the reason`);
  }
  const never = CONTENTS.filter(({ path }) => ![...held].some((one) => one.startsWith(path)));
  assert.deepEqual(
    never.map(({ path }) => path),
    ['membership', 'swarm.key', 'invites', 'peers'],
    'a lone node has met nobody',
  );
  assert.ok(existsSync(join(snapshot, 'owner.key')));
  for (const path of filesIn(directory)) {
    assert.equal(statSync(join(directory, path)).mode & 0o077, 0, path);
  }
  const listed = readFileSync(join(snapshot, 'files.ndjson'), 'utf8').trim().split('\n').length;
  const blocks = readFileSync(join(snapshot, 'blocks.ndjson'), 'utf8').trim().split('\n').length;
  assert.equal(report.files, listed + blocks);
  assert.ok(blocks >= 2);
});

test('a further backup copies only what is new, drops what is gone, and finds damage', async (t) => {
  const [kept] = (await startKept(t, 1)) as [Kept];
  const { node } = kept;
  const directory = join(scratch(t), 'backup');
  await node.storage.put(named('first'), valueOf('first', BLOB_BYTES));
  const first = await backedUp(node, directory);
  assert.ok(first.writtenBytes > BLOB_BYTES);
  await node.storage.put(named('second'), valueOf('second', 100 * KIB));
  const second = await backedUp(node, directory);
  assert.ok(second.writtenBytes < BLOB_BYTES, `${second.writtenBytes} bytes were written`);
  assert.ok(second.bytes > first.bytes);
  snapshotIn(directory);

  const blocks = (): string[] => filesIn(directory).filter((path) => path.startsWith('blocks-'));
  const [damaged = ''] = blocks();
  appendFileSync(join(directory, damaged), 'x');
  await backedUp(node, directory);
  const [flipped = ''] = blocks();
  const bytes = readFileSync(join(directory, flipped));
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  writeFileSync(join(directory, flipped), bytes);
  const before = snapshotIn(directory);
  assert.equal(await codeOf(backedUp(node, directory)), 'bad_backup');
  assert.equal(snapshotIn(directory), before, 'the one before stays');
  await backedUp(node, directory);

  const count = blocks().length;
  await node.storage.delete(named('second'));
  await until('its blob is gone', async () => {
    await node.maintenance?.collect({ signal: NEVER });
    await backedUp(node, directory);
    return blocks().length < count;
  });
});

test('a backup goes into an empty directory or one of the same node; one that is broken off leaves the one before', async (t) => {
  const [kept] = (await startKept(t, 1)) as [Kept];
  const { node, data } = kept;
  const files = scratch(t);
  writeFileSync(join(files, 'mine'), '');
  assert.equal(await codeOf(backedUp(node, files)), 'not_empty');
  assert.equal(await codeOf(backedUp(node, join(data, 'backup'))), 'bad_directory');
  assert.equal(await codeOf(backedUp(node, 'relative')), 'bad_directory');
  // /proc takes no directory: a recursive mkdir there never returns
  assert.equal(await codeOf(backedUp(node, '/proc/a/b')), 'bad_directory');
  const directory = join(files, 'backup');
  await node.storage.put(named('key'), valueOf('key', BLOB_BYTES));
  const away = new AbortController();
  const unfinished = node.backup({
    directory,
    isCopied: true,
    signal: away.signal,
    onProgress: (progress) => {
      if (progress.bytes >= BLOB_BYTES) away.abort(new Error('enough of the first'));
    },
  });
  await assert.rejects(unfinished, /enough of the first/);
  assert.ok(!readdirSync(directory).some((name) => name.startsWith('snapshot-')));
  const { writtenBytes } = await backedUp(node, directory);
  assert.ok(writtenBytes < BLOB_BYTES, `${writtenBytes} bytes were written again`);
  const [other] = (await startKept(t, 1)) as [Kept];
  assert.equal(await codeOf(backedUp(other.node, directory)), 'other_node');

  const before = snapshotIn(directory);
  const leaving = new AbortController();
  const broken = node.backup({
    directory,
    isCopied: true,
    signal: leaving.signal,
    onProgress: () => leaving.abort(new Error('enough')),
  });
  assert.equal(await codeOf(backedUp(node, directory)), 'busy');
  await assert.rejects(broken, /enough/);
  assert.equal(snapshotIn(directory), before);
  await backedUp(node, directory);
});

/** A key of the operator, and one that was revoked. */
async function operatorKeys({ gateway }: Site): Promise<{ good: string; revoked: string }> {
  const ring = gateway.operatorKeys();
  const make = (name: string) => ring.create({ name, namespace: 'default', scopes: ['read', 'write'] });
  const [good, revoked] = [await make('good'), await make('revoked')];
  assert.ok(await ring.revoke(revoked.key.id));
  return { good: good.text, revoked: revoked.text };
}

async function whoami(site: Site, authorization: string): Promise<number> {
  return (await fetch(`${site.url}/v1/auth/whoami`, { headers: { authorization } })).status;
}

/** The statuses with which a session, its refresh token, and the key that came with it are answered. */
async function standing(site: Site, session: SignedIn): Promise<number[]> {
  const { access_token: token, refresh_token: refresh, api_key: key } = session;
  const refreshed = await post(site.url, '/v1/auth/refresh', { refresh_token: refresh });
  return [await whoami(site, `Bearer ${token}`), refreshed.status, await whoami(site, `ApiKey ${key}`)];
}

test('a restored node is the same one; its API keys are good, its sessions and nonces have ended', async (t) => {
  const files = scratch(t);
  const directory = join(files, 'backup');
  const original = await startSite({ settings: { data: join(files, 'first') }, isAudited: true });
  const peerId = idOf(original.node);
  const keys = await operatorKeys(original);
  const session = await signIn(original.url, await walletOf(1));
  const unspent = await proofFor(original.url, await walletOf(2));
  const keyNames = ['a', 'b', 'c'];
  for (const key of keyNames) await original.node.storage.put(named(key), valueOf(key, KIB));
  await original.node.storage.put(named('blob'), valueOf('blob', BLOB_BYTES));
  const published = await original.node.relay.publish({
    owner: OWNER.did,
    namespace: 'default',
    topic: 't',
    data: Buffer.from('x'),
  });
  assert.ok(published.id !== '');
  await backedUp(original.node, directory);
  const later = await proofFor(original.url, await walletOf(3));
  assert.equal((await post(original.url, '/v1/auth/verify', later)).status, 200, 'spent after the backup');
  await original[Symbol.asyncDispose]();

  const data = join(files, 'second');
  const { exit, stderr, report } = await restored(t, directory, '--data', data);
  assert.equal(exit, 0, stderr);
  assert.deepEqual([report['peerId'], report['sessions'], report['apiKeys']], [peerId, 1, 2]);
  assert.equal((await restored(t, directory, '--data', data)).exit, 1, 'there is a node now');
  await using site = await loneSite(data);
  assert.equal(idOf(site.node), peerId);
  for (const key of keyNames) await assertServed(site.node, key, KIB);
  await assertServed(site.node, 'blob', BLOB_BYTES);
  assert.equal(await whoami(site, `ApiKey ${keys.good}`), 200);
  assert.equal(await whoami(site, `ApiKey ${keys.revoked}`), 401);
  assert.deepEqual(await standing(site, session), [401, 401, 200]);
  for (const proof of [unspent, later]) {
    assert.equal((await post(site.url, '/v1/auth/verify', proof)).status, 400);
  }

  await until('it says as of when', () => site.node.status().recovery?.state === 'alone');
  const recovery = (await site.node.probe()).find(({ name }) => name === 'recovery');
  assert.ok(recovery?.ok === true && recovery.detail.includes(new Date(Number(report['at'])).toISOString()));
  const verified = maillon(t, ['audit', 'verify', '--data', data]);
  assert.equal(await verified.exit, 0, verified.stderr);
  assert.match(readFileSync(join(data, 'audit/audit.log'), 'utf8'), /"admin\.restore"/);
});

/** The author epoch of a message that the node publishes now. */
async function epochOf(node: MaillonNode): Promise<number> {
  const heard = Promise.withResolvers<number>();
  const topic = { owner: OWNER.did, namespace: 'default', topic: 't' };
  node.relay.subscribe(topic, ({ epoch }) => heard.resolve(epoch));
  await node.relay.publish({ ...topic, data: Buffer.from('x') });
  return heard.promise;
}

test('a restored node begins an author epoch above every one that the original can have begun', async (t) => {
  const [kept] = (await startKept(t, 1)) as [Kept];
  const directory = join(scratch(t), 'backup');
  await backedUp(kept.node, directory);
  await kept.node.stop();
  kept.node = await startNode(t, { data: kept.data });
  const later = await epochOf(kept.node);
  await kept.node.stop();
  const { path: data, stopping } = place(t);
  assert.equal((await restored(t, directory, '--data', data)).exit, 0);
  assert.ok((await epochOf(stopping(await startNode(t, { data })))) > later);
});

test('nothing of a backup that was changed is put in place', async (t) => {
  const files = scratch(t);
  const [directory, data] = [join(files, 'backup'), join(files, 'data')];
  const [kept] = (await startKept(t, 1)) as [Kept];
  await kept.node.storage.put(named('blob'), valueOf('blob', BLOB_BYTES));
  await backedUp(kept.node, directory);
  const running = await restored(t, directory, '--data', data);
  assert.match(running.stderr, /"code":"twin_running"/);
  await kept.node.stop();

  const snapshot = snapshotIn(directory);
  const block = filesIn(directory).find((path) => path.startsWith('blocks-')) ?? '';
  const own = ['data/storage/records/records.db', 'data/identity.key', 'files.ndjson', 'blocks.ndjson'];
  const changed = [...own, 'manifest.json'].map((path) => join(snapshot, path));
  for (const path of [...changed, join(directory, block)]) {
    const bytes = readFileSync(path);
    writeFileSync(
      path,
      Buffer.concat([bytes.subarray(0, -9), Buffer.of((bytes.at(-9) ?? 0) ^ 1), bytes.subarray(-8)]),
    );
    const { exit, stderr } = await restored(t, directory, '--data', data);
    assert.deepEqual([exit, JSON.parse(stderr).code], [1, 'bad_backup'], path);
    assert.deepEqual(filesIn(data), ['lock'], path);
    writeFileSync(path, bytes);
  }
  rmSync(join(directory, block));
  assert.match((await restored(t, directory, '--data', data)).stderr, /bad_backup/);
  writeFileSync(join(directory, 'maillon-backup.json'), '{"format":"maillon-backup","version":3}');
  assert.match((await restored(t, directory, '--data', data)).stderr, /does not know its version 3/);
  assert.match((await restored(t, files, '--data', data)).stderr, /holds no backup/);
});

test('a restore that was broken off is no node, and is begun again', async (t) => {
  const { path: files, stopping } = place(t);
  const [directory, data] = [join(files, 'backup'), join(files, 'data')];
  const [kept] = (await startKept(t, 1)) as [Kept];
  await kept.node.storage.put(named('blob'), valueOf('blob', BLOB_BYTES));
  await backedUp(kept.node, directory);
  await kept.node.stop();
  assert.equal((await restored(t, directory, '--data', data)).exit, 0);
  // as a process leaves it that was killed while it moved files into place
  mkdirSync(join(data, 'restoring/storage'), { recursive: true });
  rmSync(join(data, 'storage/records'), { recursive: true });
  assert.equal(await codeOf(startNode(t, { data })), 'restore_unfinished');
  assert.equal((await restored(t, directory, '--data', data)).exit, 0);
  await assertServed(stopping(await startNode(t, { data })), 'blob', BLOB_BYTES);
});

test('a data directory that cannot be made is said at once', async (t) => {
  const { node } = ((await startKept(t, 1)) as [Kept])[0];
  const directory = join(scratch(t), 'backup');
  await backedUp(node, directory);
  const { exit, stderr } = await restored(t, directory, '--data', '/proc/a/b', '--without-identity');
  assert.equal(exit, 1, stderr);
  assert.match(stderr, /\/proc\/a\/b cannot be written/);
});

test('a stopped node is copied by the command, a running one copies itself', async (t) => {
  const files = scratch(t);
  const [directory, data] = [join(files, 'backup'), join(files, 'data')];
  const flags = ['--listen-host', '127.0.0.1', '--listen-tcp', '0', '--listen-ws', '0', '--no-network-quic'];
  const start = () =>
    maillon(t, ['node', '--data', data, ...flags, '--gateway-port', '0', '--admin-port', '0', '--json']);
  const first = start();
  const { peerId, admin } = JSON.parse(await first.firstLine()) as { peerId: string; admin: string };
  const named = maillon(t, ['backup', directory, '--admin', admin, '--data', data, '--json']);
  assert.equal(await named.exit, 0, named.stderr);
  assert.equal((JSON.parse(named.stdout) as { peerId: string }).peerId, peerId);
  await first.end('SIGTERM');
  const stopped = maillon(t, ['backup', directory, '--data', data]);
  assert.equal(await stopped.exit, 0, stopped.stderr);
  assert.match(stopped.stdout, new RegExp(`of +${peerId}`));
  const none = maillon(t, ['backup', directory, '--data', join(files, 'absent')]);
  assert.equal(await none.exit, 1);
  assert.match(none.stderr, /is not a node's data directory/);
});

test('without its identity a backup makes another node, which keeps what falls to it', async (t) => {
  const { path: files, stopping } = place(t);
  const [directory, data] = [join(files, 'backup'), join(files, 'data')];
  const kept = await startKept(t, 2);
  const [first, second] = kept as [Kept, Kept];
  await first.node.storage.put(named('both'), Buffer.from('both'), { durability: 'all' });
  await backedUp(first.node, directory);
  await first.node.storage.put(named('both'), Buffer.from('changed'), { durability: 'all' });
  const { exit, stderr } = await restored(t, directory, '--data', data, '--without-identity');
  assert.equal(exit, 0, stderr);
  assert.deepEqual(
    ['identity.key', 'gateway', 'peers', 'storage/members', 'relay/sequences', 'audit'].filter((path) =>
      existsSync(join(data, path)),
    ),
    [],
  );
  const copy = stopping(await startNode(t, { data, through: [first.node, second.node] }));
  assert.ok(![idOf(first.node), idOf(second.node)].includes(idOf(copy)));
  await until('it has reconciled', () => copy.status().recovery === null);
  assert.equal(await read(copy, 'both'), 'changed');
  assert.ok(!existsSync(join(data, 'restored')));
});

test('a node that was restored is read from, and counts, once it has reconciled with the other replicas', async (t) => {
  const directory = join(scratch(t), 'backup');
  const kept = await startKept(t, 3);
  const [first, ...others] = kept as [Kept, ...Kept[]];
  for (const key of ['kept', 'changed', 'deleted']) {
    await first.node.storage.put(named(key), Buffer.from(`first ${key}`), { durability: 'all' });
  }
  await first.node.storage.put(named('here'), Buffer.from('here'), { durability: 'one' });
  await backedUp(first.node, directory);
  await first.node.storage.put(named('changed'), Buffer.from('second'), { durability: 'all' });
  await first.node.storage.delete(named('deleted'), { durability: 'all' });
  const peerId = idOf(first.node);
  await first.node.stop();
  const { path: data, stopping } = place(t);
  assert.equal((await restored(t, directory, '--data', data)).exit, 0);

  first.node = stopping(await startNode(t, { data, through: others.map(({ node }) => node) }));
  assert.equal(idOf(first.node), peerId);
  const now = async (key: string): Promise<string | null> => {
    const found = await first.node.storage.get(named(key), { consistency: 'one' }).catch(() => null);
    return found?.value ? Buffer.from(found.value).toString() : null;
  };
  await until('it is synced again', async () => {
    assert.ok([null, 'second'].includes(await now('changed')));
    assert.equal(await now('deleted'), null);
    const { holders } = await first.node.storage.where(named('changed'));
    const own = holders.find(({ id }) => id === peerId);
    if (own?.isSynced !== true) assert.equal(own?.etag ?? null, null);
    return holders.length === 3 && holders.every(({ isSynced }) => isSynced === true);
  });
  for (const [key, value] of [
    ['changed', 'second'],
    ['kept', 'first kept'],
    ['deleted', null],
    ['here', 'here'],
  ] as const) {
    await until(`${key} is right everywhere`, async () => {
      const found = await Promise.all(kept.map(({ node }) => read(node, key).catch(() => undefined)));
      return found.every((one) => one === value);
    });
  }
  await until('it says that it has reconciled', () => first.node.status().recovery === null);
});

test('a swarm whose nodes are all restored has what any of them held', async (t) => {
  const { path: files, stopping } = place(t);
  const kept = await startKept(t, 3);
  const keys = Array.from({ length: 12 }, (_, n) => `key-${n}`);
  for (const [n, key] of keys.entries()) {
    await kept[n % 3]?.node.storage.put(named(key), valueOf(key, KIB), { durability: 'one' });
  }
  for (const [n, { node }] of kept.entries()) await backedUp(node, join(files, `backup-${n}`));
  for (const { node } of kept) await node.stop();
  const nodes: MaillonNode[] = [];
  for (const n of kept.keys()) {
    const data = join(files, `data-${n}`);
    assert.equal((await restored(t, join(files, `backup-${n}`), '--data', data)).exit, 0);
    nodes.push(stopping(await startNode(t, { data, through: nodes.slice(0, 1) })));
  }
  await until('all have reconciled', () => nodes.every((node) => node.status().recovery === null));
  for (const node of nodes) for (const key of keys) await assertServed(node, key, KIB);
});

test('a disk that is full is said, and costs neither the node nor the backup before', {
  skip: NO_MOUNT,
}, async (t) => {
  const disk = smallDisk(t, 3 * BLOB_BYTES);
  assert.ok(disk !== null, 'it cannot be mounted');
  const [kept] = (await startKept(t, 1)) as [Kept];
  const directory = join(disk, 'backup');
  await kept.node.storage.put(named('first'), valueOf('first', BLOB_BYTES));
  await backedUp(kept.node, directory);
  const before = snapshotIn(directory);
  await kept.node.storage.put(named('second'), valueOf('second', 2 * BLOB_BYTES));
  assert.equal(await codeOf(backedUp(kept.node, directory)), 'no_room');
  assert.equal(snapshotIn(directory), before);
  await kept.node.stop();
  const full = await restored(t, directory, '--data', join(disk, 'data'));
  assert.match(full.stderr, /"code":"no_room"/);
  assert.deepEqual(filesIn(join(disk, 'data')), ['lock']);
  assert.equal((await restored(t, directory, '--data', join(scratch(t), 'data'))).exit, 0);
});

/** DID of the owner of a node with these settings. */
async function ownerOf(path: string, data: string): Promise<string> {
  const init = { path, data, passphrases: passphraseFrom({ file: '' }) };
  return (await loadOwner({ logger: silentLogger() }, init)).did;
}

test("the owner's key and the gateway's secret go where the node looks for them, and replace none", async (t) => {
  const { path: files, stopping } = place(t);
  const directory = join(files, 'backup');
  const [ownerKey, secretFile] = [join(files, 'owner.key'), join(files, 'secret')];
  const settings = { 'identity.ownerKey': ownerKey };
  const node = stopping(await startNode(t, { data: join(files, 'first'), settings }));
  mkdirSync(join(files, 'first/gateway'), { recursive: true });
  writeFileSync(join(files, 'first/gateway/secret'), 'x'.repeat(40));
  const { owner } = node;
  await backedUp(node, directory);
  await node.stop();
  const home = join(files, 'home');
  mkdirSync(home);
  const put = async (name: string, env: NodeJS.ProcessEnv) => {
    const all = { HOME: home, [OWNER_KEY_VARIABLE]: '', ...env };
    const program = maillon(t, ['restore', directory, '--data', join(files, name), '--json'], { env: all });
    const exit = await program.exit;
    return {
      exit,
      stderr: program.stderr,
      ownerKey: exit === 0 ? JSON.parse(program.stdout).ownerKey : null,
    };
  };
  const inHome = join(home, '.maillon/keys/development.key');
  assert.equal((await put('empty-home', {})).ownerKey, inHome);
  assert.equal(await ownerOf(inHome, files), owner);
  assert.equal((await put('same-home', {})).ownerKey, inHome);
  rmSync(inHome);
  const other = await ownerOf(inHome, files);
  const own = join(files, 'other-home/owner.key');
  assert.equal((await put('other-home', {})).ownerKey, own);
  assert.deepEqual(
    [await ownerOf(inHome, files), await ownerOf('', join(files, 'other-home'))],
    [other, owner],
  );
  const refused = await put('named', { [OWNER_KEY_VARIABLE]: inHome });
  assert.match(refused.stderr, /"code":"owner_differs"/);
  assert.deepEqual(filesIn(join(files, 'named')), ['lock']);

  const named = { MAILLON_GATEWAY_SECRET_FILE: secretFile };
  assert.equal((await put('with-secret', named)).exit, 0);
  assert.equal(readFileSync(secretFile, 'utf8'), 'x'.repeat(40));
  assert.ok(!existsSync(join(files, 'with-secret/gateway/secret')));
  writeFileSync(secretFile, 'y'.repeat(40));
  assert.match((await put('other-secret', named)).stderr, /"code":"bad_secret_file"/);
});

test('two nodes of one identity: the later one refuses to start', async (t) => {
  const { path: files, stopping } = place(t);
  const directory = join(files, 'backup');
  const kept = await startKept(t, 2);
  const [first, second] = kept as [Kept, Kept];
  await backedUp(second.node, directory);
  await second.node.stop();
  const data = join(files, 'data');
  assert.equal((await restored(t, directory, '--data', data)).exit, 0);
  const through = [first.node];
  const again = stopping(await startNode(t, { data, through }));
  const { addresses: own } = again.status();
  await until('the others know where it is now', () =>
    first.node
      .nodes()
      .some(
        ({ id, reach, addresses }) =>
          id === idOf(again) && reach !== null && addresses.every((one) => own.includes(one)),
      ),
  );
  // the machine that was replaced comes back
  assert.equal(await codeOf(startNode(t, { data: second.data, through })), 'twin_running');
  // and finds the peers of its own book
  assert.equal(await codeOf(startNode(t, { data: second.data })), 'twin_running');
  await again.stop();
  second.node = await startNode(t, { data: second.data, through });
});
