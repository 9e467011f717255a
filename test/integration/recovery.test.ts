/** node/RECOVERY.md followed to the letter: three machines, one of which is backed up under load, lost, and replaced. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createClient, type Where } from '../../gateway/client/index.ts';
import { commandsIn } from '../support/handbook.ts';
import { valueOf } from '../support/kept-nodes.ts';
import { OWNER_KEY_VARIABLE } from '../support/owner.ts';
import { maillon, type Program, scratch, until } from '../support/processes.ts';

const WHOLE_MS = 30_000;
const CHECKED_AT_ONCE = 8;
const VALUE_BYTES = 700;
const BLOB_BYTES = 300_000;
const BACKUP_DIRECTORY = '/var/backups/maillon';

interface Ready {
  readonly peerId: string;
  readonly url: string;
  readonly admin: string;
  readonly multiaddrs: readonly string[];
}

/** A machine: a user with a home, in a directory. */
interface Machine {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
}

function machine(root: string, name: string, bootstrap: readonly string[]): Machine {
  const directory = join(root, name);
  mkdirSync(directory);
  const env = {
    HOME: directory,
    [OWNER_KEY_VARIABLE]: '',
    MAILLON_BOOTSTRAP: bootstrap.join(','),
    MAILLON_LISTEN_HOST: '127.0.0.1',
    MAILLON_LISTEN_TCP: '0',
    MAILLON_LISTEN_WS: '0',
    MAILLON_NETWORK_QUIC: 'false',
    MAILLON_GATEWAY_PORT: '0',
    MAILLON_ADMIN_PORT: '0',
    MAILLON_LOG_LEVEL: 'warn',
  };
  return { directory, env };
}

async function start(
  t: TestContext,
  { directory, env }: Machine,
  args: readonly string[] = ['node', '--data', './data'],
): Promise<Ready & { readonly program: Program }> {
  const program = maillon(t, [...args, '--json'], { cwd: directory, env });
  return { ...(JSON.parse(await program.firstLine()) as Ready), program };
}

const addressOf = ({ multiaddrs }: Ready): string => multiaddrs.find((one) => !one.includes('/ws')) ?? '';
const kvOf = (url: string) => createClient({ url }).kv();

/** Writes one value after another until it is stopped; remembers what was acknowledged. */
class Load {
  readonly acknowledged: string[] = [];
  readonly #leaving = new AbortController();
  readonly #done: Promise<void>;

  constructor(url: string, name: string) {
    const kv = kvOf(url);
    const { signal } = this.#leaving;
    this.#done = (async () => {
      for (let n = 0; !signal.aborted; n++) {
        const key = `${name}-${n}`;
        const isBlob = n % 20 === 0;
        try {
          await kv.put(key, valueOf(key, isBlob ? BLOB_BYTES : VALUE_BYTES));
          this.acknowledged.push(key);
        } catch {
          // not acknowledged: nothing is promised
        }
      }
    })();
  }

  async more(count: number): Promise<void> {
    const target = this.acknowledged.length + count;
    await until(`${count} more writes`, () => this.acknowledged.length >= target);
  }

  async stop(): Promise<void> {
    this.#leaving.abort();
    await this.#done;
  }
}

async function isReady({ url }: Ready): Promise<boolean> {
  return (await fetch(`${url}/readyz`).catch(() => null))?.status === 200;
}

function isWhole({ holders }: Where): boolean {
  const [first] = holders;
  return (
    holders.length === 3 &&
    holders.every(
      (one) => one.isLive && one.isSynced === true && one.etag !== null && one.etag === first?.etag,
    )
  );
}

test('a node under load is backed up, lost and replaced as RECOVERY.md says: the same node, and the swarm is whole again', async (t) => {
  const root = scratch(t);
  const [backUp, restore, run, health] = commandsIn('node/RECOVERY.md').map((args) => {
    return args.map((one) => one.replace(BACKUP_DIRECTORY, join(root, 'backup')));
  });
  assert.ok(backUp !== undefined && restore !== undefined && run !== undefined && health !== undefined);
  // one owner, who has a home on each machine
  const first = await start(t, machine(root, 'b', []));
  const home = { HOME: join(root, 'b') };
  const joining = machine(root, 'c', [addressOf(first)]);
  const second = await start(t, { ...joining, env: { ...joining.env, ...home } });
  const old = machine(root, 'a', [addressOf(first)]);
  const lost = await start(t, { ...old, env: { ...old.env, ...home } });
  await until('all are members', async () => {
    const counts = await Promise.all([first, second, lost].map(({ url }) => createClient({ url }).storage()));
    return counts.every(({ members }) => members === 3);
  });
  const made = await fetch(`${lost.admin}/v1/auth/api-keys`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${readFileSync(join(old.directory, 'data/admin.token'), 'utf8').trim()}`,
    },
    body: JSON.stringify({ name: 'ci', scopes: ['read', 'write'] }),
  });
  const { api_key: apiKey } = (await made.json()) as { api_key: string };

  const loads = [new Load(lost.url, 'a'), new Load(first.url, 'b')] as const;
  for (const load of loads) await load.more(25);
  const backup = maillon(t, backUp, {
    cwd: old.directory,
    env: { ...old.env, MAILLON_ADMIN_URL: lost.admin },
  });
  assert.equal(await backup.exit, 0, backup.stderr);
  await loads[0].more(10);
  await lost.program.end('SIGKILL');
  rmSync(old.directory, { recursive: true });
  await loads[0].stop();
  await loads[1].more(10);

  const fresh = machine(root, 'new', [addressOf(first)]);
  const restored = maillon(t, restore, { cwd: fresh.directory, env: fresh.env });
  assert.equal(await restored.exit, 0, restored.stderr);
  const startedAt = performance.now();
  const again = await start(t, fresh, run);
  const listeningMs = performance.now() - startedAt;
  assert.equal(again.peerId, lost.peerId);
  await loads[1].stop();
  const keys = loads.flatMap(({ acknowledged }) => acknowledged);
  const kv = kvOf(again.url);
  await until('every node is ready', async () => {
    return (await Promise.all([first, second, again].map(isReady))).every(Boolean);
  });
  const readyMs = performance.now() - startedAt;
  await Promise.all(
    Array.from({ length: CHECKED_AT_ONCE }, async (_, turn) => {
      for (const key of keys.filter((__, index) => index % CHECKED_AT_ONCE === turn)) {
        await until(`${key} has three copies`, async () => isWhole(await kv.where(key)));
      }
    }),
  );
  const ms = performance.now() - startedAt;
  assert.ok(ms < WHOLE_MS, `${ms} ms`);
  const [listeningS, readyS, wholeS] = [listeningMs, readyMs, ms].map((one) => (one / 1000).toFixed(1));
  t.diagnostic(
    `${keys.length} values: up after ${listeningS} s, ready after ${readyS} s, three copies after ${wholeS} s`,
  );

  for (const url of [again.url, second.url]) {
    for (const key of keys) {
      const length = Number(key.split('-')[1]) % 20 === 0 ? BLOB_BYTES : VALUE_BYTES;
      const found = await kvOf(url).get(key, { consistency: 'majority' });
      assert.ok(found !== null && valueOf(key, length).equals(found.bytes), `${key} at ${url}`);
    }
  }
  const who = await fetch(`${again.url}/v1/auth/whoami`, { headers: { authorization: `ApiKey ${apiKey}` } });
  assert.equal(who.status, 200);
  const looked = maillon(t, health, { cwd: fresh.directory, env: { ...fresh.env, MAILLON_URL: again.url } });
  assert.equal(await looked.exit, 0, looked.stdout + looked.stderr);
});
