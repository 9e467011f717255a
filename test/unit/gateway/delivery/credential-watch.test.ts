import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { ApiKeys } from '../../../../gateway/auth/api-keys.ts';
import {
  type CredentialStatus,
  CredentialStatuses,
  standingOf,
} from '../../../../gateway/auth/credential-status.ts';
import type { Principal } from '../../../../gateway/auth/identity.ts';
import { STANDING_BATCH } from '../../../../gateway/auth/limits.ts';
import type { Sessions } from '../../../../gateway/auth/sessions.ts';
import { GatewayError } from '../../../../gateway/core/errors.ts';
import { Clients, type StreamClient } from '../../../../gateway/delivery/clients.ts';
import { CredentialWatch } from '../../../../gateway/delivery/credential-watch.ts';
import { CodedError } from '../../../../protocols/common/errors.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { until } from '../../../support/processes.ts';

const INTERVAL_MS = 5;
const HOUR_MS = 3_600_000;

class FakeClient implements StreamClient {
  readonly standing: CredentialStatus | null;
  ends = 0;

  constructor(standing: CredentialStatus | null) {
    this.standing = standing;
  }

  endCredential(): void {
    this.ends += 1;
  }

  beat(): void {}
  goAway(): void {}
  terminate(): void {}
}

/** Sessions and API keys that stand, and how many were asked about at once. */
function make(intervalMs = INTERVAL_MS) {
  const [sessions, keys] = [new Set<string>(), new Set<string>()];
  const asked: number[] = [];
  let failure: Error | undefined;
  let withdrawn = false;
  let held: Promise<void> | undefined;
  const answer = (standing: Set<string>) => async (ids: readonly string[]) => {
    asked.push(ids.length);
    const stood = ids.filter((id) => standing.has(id));
    await held;
    if (failure !== undefined) throw failure;
    return stood;
  };
  const clock = new ManualClock(1_790_000_000_000);
  const standings = new CredentialStatuses({
    sessions: { standing: answer(sessions) } as unknown as Sessions,
    apiKeys: { standing: answer(keys) } as unknown as ApiKeys,
    clock,
    node: {
      checkChain: async () => {
        if (withdrawn) throw new CodedError('forbidden', 'revoked');
      },
    },
  });
  const clients = new Clients({ max: 10_000 });
  const lines: string[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(line) });
  let onForgotten: (() => void) | undefined;
  const authenticator = {
    onForgotten: (listener: () => void) => {
      onForgotten = listener;
    },
  };
  const watch = new CredentialWatch({ clients, standings, authenticator, logger }, { intervalMs });
  const add = (standing: CredentialStatus | null): FakeClient => {
    const client = new FakeClient(standing);
    clients.add(client);
    return client;
  };
  const fail = (error: Error | undefined): void => {
    failure = error;
  };
  /** Callers wait for the answer until the returned function is called. */
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    return resolve;
  };
  return {
    hold,
    sessions,
    keys,
    asked,
    clock,
    standings,
    watch,
    add,
    fail,
    lines,
    withdraw: () => {
      withdrawn = true;
    },
    forget: () => onForgotten?.(),
  };
}

const of = (origin: string, endsAt?: number): CredentialStatus => ({ origin, endsAt, delegated: null });

test('streams end whose session or key does not stand, or whose own time is over', async (t) => {
  const { sessions, keys, clock, watch, add } = make();
  sessions.add('s').add('timed');
  keys.add('k');
  const stay = [add(of('s')), add(of('s')), add(of('k')), add(null)];
  const [gone, timed] = [add(of('gone')), add(of('timed', clock.now() + 1))];
  watch.start();
  watch.start();
  t.after(() => watch.stop());
  await until('it is told', () => gone.ends > 0);
  assert.equal(timed.ends, 0);
  clock.advance(1);
  await until('its time is over', () => timed.ends > 0);
  sessions.delete('s');
  await until('both of the session are told', () => stay[0]?.ends !== 0 && stay[1]?.ends !== 0);
  assert.deepEqual([stay[2]?.ends, stay[3]?.ends], [0, 0]);
});

test('streams end whose wallet withdrew what it had delegated', async (t) => {
  const { sessions, watch, add, withdraw } = make();
  sessions.add('s').add('d');
  const delegated = { owner: 'did:pkh:x', namespace: 'n', chain: [] };
  const [own, other] = [add({ ...of('d'), delegated }), add(of('s'))];
  watch.start();
  t.after(() => watch.stop());
  withdraw();
  await until('it is told', () => own.ends > 0);
  assert.equal(other.ends, 0);
});

test('what ends at this gateway is not waited for', async (t) => {
  const { sessions, watch, add, forget } = make(HOUR_MS);
  sessions.add('s');
  const client = add(of('s'));
  watch.start();
  t.after(() => watch.stop());
  sessions.delete('s');
  forget();
  await until('it is told', () => client.ends > 0);
});

test('however often it is told at once, it looks once, and once more', async (t) => {
  const { sessions, watch, add, forget, asked, hold } = make(HOUR_MS);
  for (const id of ['a', 'b']) sessions.add(id);
  const [early, late] = [add(of('a')), add(of('b'))];
  watch.start();
  t.after(() => watch.stop());
  const letGo = hold();
  sessions.delete('a');
  for (let n = 0; n < 100; n += 1) forget();
  await until('it asks', () => asked.length > 0);
  // of what ends now the look under way may not know
  sessions.delete('b');
  for (let n = 0; n < 100; n += 1) forget();
  letGo();
  await until('both are told', () => early.ends > 0 && late.ends > 0);
  // a look asks of sessions, then of keys
  assert.ok(asked.length <= 2 * 2, `${asked.length} questions`);
});

test('while nobody can be asked streams stay, but not beyond their own time; then they are asked about again', async (t) => {
  const { clock, watch, add, fail, asked, lines } = make();
  const [client, timed] = [add(of('gone')), add(of('timed', clock.now()))];
  fail(new GatewayError('state_unavailable', 'nobody there'));
  watch.start();
  t.after(() => watch.stop());
  await until('it asks again and again', () => asked.length > 2);
  assert.equal(client.ends, 0);
  assert.ok(timed.ends > 0);
  assert.equal(lines.length, 0);
  fail(new Error('a fault'));
  await until('that is said', () => lines.some((line) => line.includes('a fault')));
  assert.equal(client.ends, 0);
  fail(undefined);
  await until('it is told', () => client.ends > 0);
});

test('however many streams there are, few questions are asked, and none after the end', async () => {
  const { sessions, standings, watch, add, asked } = make();
  for (let n = 0; n < 3 * STANDING_BATCH; n += 1) sessions.add(`s${n}`);
  const ids = [...sessions, 'gone'];
  assert.deepEqual(await standings.ended([...ids, ...ids]), new Set(['gone']));
  const batches = [STANDING_BATCH, STANDING_BATCH, STANDING_BATCH, 1];
  assert.deepEqual(asked.splice(0), [...batches, 1], 'of sessions, then of keys what is no session');
  const clients = Array.from({ length: 1000 }, () => add(of('s1')));
  watch.start();
  await until('they are asked about', () => asked.length > 0);
  assert.equal(asked[0], 1, 'those of one session are one');
  await watch.stop();
  await watch.stop();
  sessions.clear();
  const { length } = asked;
  const other = make();
  other.add(of('s1'));
  other.watch.start();
  await until('another one has looked again and again', () => other.asked.length > 4);
  await other.watch.stop();
  assert.equal(asked.length, length);
  assert.ok(clients.every(({ ends }) => ends === 0));
});

test('only a session or an API key can end', () => {
  const operator: Principal = { kind: 'operator' };
  assert.equal(standingOf(operator), null);
  const holder = {
    did: 'did:pkh:x',
    subject: 'x',
    namespace: 'n',
    place: 'w-1',
    scopes: [],
    custody: 'gateway',
    delegation: null,
  } as const;
  assert.deepEqual(standingOf({ kind: 'api_key', keyId: 'k', ...holder, endsAt: 5 }), of('k', 5));
});
