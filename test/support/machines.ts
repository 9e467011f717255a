/**
 * README's "Two machines" on machines with networks between them: each has a HOME of its own, they join by invite, and what was
 * stored is read from any of them whichever is lost. On loopback addresses tell nothing; here hosts share a /24, or have one each,
 * or are behind routers.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { codeOf, Machine, type MachineInit } from './machine.ts';
import { type Program, until } from './processes.ts';

interface Holder {
  readonly id: string;
  readonly role: string;
  readonly isLive: boolean;
  readonly isSynced: boolean | null;
  readonly etag: string | null;
}

/** Stores a value, and has the receipt say that it is kept for ever. */
export async function put(machine: Machine, key: string): Promise<void> {
  const receipt = await machine.ask('put', key, `value of ${key}`);
  assert.deepEqual([receipt.durable, receipt.expiresAt], [true, null], key);
}

/** Holders of each key that are live and count, as `machine` sees them. */
export async function copies(machine: Machine, keys: readonly string[]): Promise<string[][]> {
  const answers = await machine.fetch(
    keys.map((key) => `/v1/network/storage/where?namespace=default&key=${key}`),
  );
  return answers.map(({ status, text }) => {
    assert.equal(status, 200, text);
    const { holders } = JSON.parse(text) as { holders: Holder[] };
    return holders
      .filter(({ role, isLive, isSynced, etag }) => role === 'replica' && isLive && isSynced && etag !== null)
      .map(({ id }) => id)
      .toSorted();
  });
}

/** Waits until each key is at each of these machines, which are not more than there are replicas. */
async function held(machines: readonly Machine[], keys: readonly string[]): Promise<void> {
  for (const machine of machines) await seesAll(machine, machines, keys);
}

async function seesAll(
  machine: Machine,
  holders: readonly Machine[],
  keys: readonly string[],
): Promise<void> {
  const ids = holders.map(({ running }) => running.peerId);
  const expected = ids.toSorted().join();
  let seen: string[][] = [];
  const missing = (): string[] =>
    keys.flatMap((key, at) => (seen[at]?.join() === expected ? [] : [`${key} at ${seen[at]?.join()}`]));
  const what = (): string =>
    `${machine.running.peerId} sees each value at ${ids.join()}, but ${missing().join('; ')}`;
  await until(what, async () => {
    seen = await copies(machine, keys);
    return missing().length === 0;
  });
}

/** Every machine reads every value, and lists all of them without an expiry. */
export async function readable(machines: readonly Machine[], keys: readonly string[]): Promise<void> {
  for (const machine of machines) {
    const read = await machine.fetch(keys.map((key) => `/v1/kv/default/${key}`));
    assert.deepEqual(
      read,
      keys.map((key) => ({ status: 200, text: `value of ${key}` })),
    );
    const said = await machine.run(['get', 'before']);
    assert.deepEqual([said.exit, said.stdout], [0, 'value of before'], said.stderr);
    await listed(machine, keys);
  }
}

export async function listed(machine: Machine, keys: readonly string[]): Promise<void> {
  const { exit, stdout, stderr } = await machine.run(['list', '--long']);
  assert.equal(exit, 0, stderr);
  const [headings, ...rows] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  assert.deepEqual(headings, ['SIZE', 'WRITTEN', 'EXPIRES', 'TYPE', 'KEY']);
  assert.deepEqual(
    rows.map((row) => row.at(-1)),
    keys.toSorted(),
  );
  // SIZE, WRITTEN, EXPIRES: a type may have spaces in it
  assert.ok(
    rows.every(([, , expiry]) => expiry === '-'),
    stdout,
  );
}

async function subscribed(machine: Machine, topic: string): Promise<Program> {
  const program = machine.listen('sub', topic);
  await until('it listens', () => program.stderr.includes('listening to'));
  return program;
}

/** Waits until the inbox has heard what the machine publishes. A mesh that is still forming may lose the first. */
async function hears(inbox: Program, from: Machine, text: string): Promise<void> {
  let attempt = 0;
  await until(`hears ${text}`, async () => {
    if (inbox.stdout.includes(text)) return true;
    await from.ask('pub', 'news', `${text} ${attempt++}`);
    return false;
  });
}

/** The first machine invites the others, which join one after another while it stores something. */
async function join(
  t: TestContext,
  places: readonly MachineInit[],
  keys: string[],
): Promise<readonly Machine[]> {
  const [firstPlace, ...others] = places;
  const first = new Machine(t, firstPlace);
  await first.start();
  keys.push('before');
  await put(first, 'before');
  const machines = [first];
  for (const place of others) {
    const machine = new Machine(t, place);
    const { invite } = await first.ask('invite');
    const key = `during-${machines.length}`;
    keys.push(key);
    await Promise.all([machine.start(['--join', '-', '--yes'], { input: `${invite}\n` }), put(first, key)]);
    machines.push(machine);
  }
  return machines;
}

/** One after another is killed, whoever it is: the others go on reading, and after its return all have everything. */
async function loseEach(machines: readonly Machine[], keys: string[]): Promise<void> {
  for (const [index, lost] of machines.entries()) {
    await lost.running.program.end('SIGKILL');
    const others = machines.filter((machine) => machine !== lost);
    await readable(others, keys);
    const key = `without-${index}`;
    keys.push(key);
    await storeWithout(others as [Machine, ...Machine[]], key);
    await lost.start();
    await held(machines, keys);
    await readable([lost], keys);
  }
}

/** With two of three machines left, writes succeed. With one of two left, it says what to do and that reads are degraded. */
async function storeWithout(
  [machine, ...more]: readonly [Machine, ...Machine[]],
  key: string,
): Promise<void> {
  if (more.length > 0) return put(machine, key);
  const refused = await machine.run(['put', key, 'refused', '--json']);
  assert.equal(codeOf(refused), 'insufficient_replicas');
  assert.match(refused.stderr, /durability=one.*third machine/);
  const read = await machine.run(['get', 'before']);
  assert.match(read.stderr, /no majority could be asked/);
  const list = await machine.run(['list']);
  assert.match(list.stderr, /degraded: one replica is gone/);
  await machine.ask('put', key, `value of ${key}`, '--durability', 'one');
}

export async function tryOn(t: TestContext, places: readonly MachineInit[]): Promise<void> {
  const keys: string[] = [];
  const machines = await join(t, places, keys);
  const [first, last] = [machines[0] as Machine, machines.at(-1) as Machine];
  await held(machines, keys);
  const [here, there] = await Promise.all([subscribed(first, 'news'), subscribed(last, 'news')]);
  await hears(there, first, 'from the first');
  await hears(here, last, 'from the last');
  for (const [index, machine] of machines.entries()) {
    keys.push(`after-${index}`);
    await put(machine, `after-${index}`);
  }
  await loseEach(machines, keys);
}
