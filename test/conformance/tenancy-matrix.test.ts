/**
 * Every user at every route for everybody's things. The routes are those of the gateway's own document: one that is not in `DECISIONS`
 * fails, and so does a decision about none.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { methodsOf, type Operation, operationsAt } from '../support/matrix/operations.ts';
import type { Asking } from '../support/matrix/requests.ts';
import { type Answer, Stage } from '../support/matrix/stage.ts';
import { openEars, queryOf } from '../support/matrix/streams.ts';
import type { Right, User } from '../support/matrix/users.ts';
import { until } from '../support/processes.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

interface Decision {
  /** Rights the credential must have; null: everybody is answered, and the answer shows nobody's things. */
  readonly needs: readonly Right[] | null;
  /** Effect that an authorised user observes, which shows that the matrix asked for something. */
  readonly proof?: 'shows' | 'changes';
  /** The wallet acts, whatever the namespace: things that it has elsewhere may change. */
  readonly isOfWallet?: boolean;
}

const OPEN: Decision = { needs: null };
const MEMBER: Decision = { needs: ['read'] };
const READS: Decision = { needs: ['read'], proof: 'shows' };
const WRITES: Decision = { needs: ['write'], proof: 'changes' };
/** The writer signed its contents: the credential only covers the gateway's work. */
const CARRIES: Decision = { needs: ['write'] };
/** It makes nothing yet that others could see. */
const UPLOADS: Decision = { needs: ['write'] };

const DECISIONS: Readonly<Record<string, Decision>> = {
  'GET /': OPEN,
  'GET /livez': OPEN,
  'GET /readyz': OPEN,
  'GET /health': OPEN,
  'GET /v1/health': OPEN,
  'GET /v1/version': OPEN,
  'GET /v1/info': OPEN,
  'GET /openapi.json': OPEN,
  'GET /ipfs/{cid}': OPEN,
  'HEAD /ipfs/{cid}': OPEN,
  'GET /status': MEMBER,
  'GET /v1/status': MEMBER,
  'GET /v1/network/status': MEMBER,
  'GET /v1/network/peers': MEMBER,
  'GET /v1/network/nodes': MEMBER,
  'GET /v1/network/storage': MEMBER,
  'GET /v1/network/storage/where': READS,
  'POST /v1/network/connect': { needs: ['admin'] },
  'POST /v1/network/disconnect': { needs: ['admin'] },
  'GET /v1/namespaces/{namespace}': MEMBER,
  'POST /v1/namespaces/notices': CARRIES,
  'POST /v1/namespaces/sponsorships': CARRIES,

  'POST /v1/pubsub/publish': WRITES,
  'POST /v1/pubsub/envelopes': CARRIES,
  'GET /v1/pubsub/topics': READS,
  'GET /v1/pubsub/presence': READS,
  'GET /v1/pubsub/sse': MEMBER,
  'GET /v1/pubsub/ws': MEMBER,

  'POST /v1/auth/challenge': OPEN,
  'POST /v1/auth/verify': OPEN,
  'POST /v1/auth/register': OPEN,
  'POST /v1/auth/api-key': OPEN,
  'POST /v1/auth/refresh': OPEN,
  'POST /v1/auth/logout': { needs: null, isOfWallet: true },
  'GET /v1/auth/login': OPEN,
  'GET /v1/auth/jwks': OPEN,
  'GET /.well-known/jwks.json': OPEN,
  'GET /v1/auth/whoami': MEMBER,
  'POST /v1/auth/token': { needs: ['key'] },
  'POST /v1/auth/ws-ticket': { needs: ['holder', 'read'] },
  'GET /v1/auth/api-keys': { needs: ['keys'], proof: 'shows' },
  'POST /v1/auth/api-keys': { needs: ['keys'], proof: 'changes' },
  'DELETE /v1/auth/api-keys/{id}': { needs: ['keys'], proof: 'changes' },
  'GET /v1/apps': { needs: ['holder', 'read'], proof: 'shows' },
  'POST /v1/apps': { needs: ['holder', 'write'], proof: 'changes' },
  'GET /v1/apps/{id}': { needs: ['holder', 'read'], proof: 'shows' },
  'PUT /v1/apps/{id}': { needs: ['holder', 'write'], proof: 'changes' },
  'DELETE /v1/apps/{id}': { needs: ['holder', 'write'], proof: 'changes' },

  'POST /v1/records': CARRIES,
  'PUT /v1/kv/{namespace}/{key}': WRITES,
  'HEAD /v1/kv/{namespace}/{key}': READS,
  'GET /v1/kv/{namespace}/{key}': READS,
  'DELETE /v1/kv/{namespace}/{key}': WRITES,
  'PUT /v1/kv/{namespace}': WRITES,
  'HEAD /v1/kv/{namespace}': READS,
  'GET /v1/kv/{namespace}': READS,
  'DELETE /v1/kv/{namespace}': WRITES,
  'POST /v1/blobs': WRITES,
  'GET /v1/blobs': READS,
  'GET /v1/blobs/{cid}': READS,
  'DELETE /v1/blobs/{cid}': WRITES,
  'POST /v1/uploads': UPLOADS,
  'GET /v1/uploads/{id}': UPLOADS,
  'PATCH /v1/uploads/{id}': WRITES,
  'DELETE /v1/uploads/{id}': WRITES,
  'POST /v1/storage/upload': WRITES,
  'POST /v1/storage/pin': WRITES,
  'GET /v1/storage/status/{cid}': READS,
  'GET /v1/storage/get/{cid}': READS,
  'DELETE /v1/storage/unpin/{cid}': WRITES,
  'POST /v1/storage/put': WRITES,
  'PUT /v1/storage': WRITES,
  'GET /v1/storage': READS,
  'GET /v1/storage/get': READS,
  'POST /v1/storage/get': READS,
  'POST /v1/storage/delete': WRITES,
  'GET /v1/storage/exists': MEMBER,
  'GET /v1/storage/list': READS,
  'GET /v1/cache/health': MEMBER,
  'POST /v1/cache/put': WRITES,
  'POST /v1/cache/get': READS,
  'POST /v1/cache/delete': WRITES,
  'POST /v1/cache/mget': READS,
  'POST /v1/cache/scan': READS,
  'POST /store': WRITES,
  'GET /retrieve/{key}': READS,
};

const REFUSED: ReadonlySet<number> = new Set([401, 403]);
/** Faults reported for each route. */
const SAID_MAX = 8;
/** No rate is in the way: those are tested elsewhere. */
const UNHURRIED = Object.fromEntries(
  ['requests', 'handshakes', 'frames', 'keys', 'namespaces'].map((rate) => [`gateway.rate.${rate}`, 1e6]),
);

let site: Site;
before(async () => {
  site = await startSite({
    settings: {
      ...UNHURRIED,
      'compat.fournk.namespace': 'default',
      'gateway.trustedProxies': ['127.0.0.1'],
      'log.level': 'silent',
    },
  });
});
after(() => site[Symbol.asyncDispose]());

test('every route has a decision, and every decision a route', async () => {
  const operations = await operationsAt(site.url);
  const routes = new Set(operations.map(({ name }) => name));
  assert.deepEqual(
    operations.filter((one) => decisionOn(one) === undefined).map(({ name }) => name),
    [],
    'routes without a decision',
  );
  const unused = Object.keys(DECISIONS).filter((name) => !routes.has(name));
  assert.deepEqual(unused, [], 'decisions about no route');
  for (const path of new Set(operations.map((one) => one.path))) {
    const unsaid = [...(await methodsOf(site.url, path))].filter(
      (method) => !routes.has(`${method} ${path}`),
    );
    assert.deepEqual(unsaid, [], `${path} answers to what no document says`);
  }
});

test('nobody gets at what is another’s', async (t) => {
  const operations = await operationsAt(site.url);
  await using stage = await Stage.set(site);
  await t.test('streams', () => checkStreams(stage));
  for (const operation of operations.toSorted((a, b) => Number(isLast(a)) - Number(isLast(b)))) {
    const decision = decisionOn(operation);
    if (decision === undefined) continue;
    if (isLast(operation)) await assertSignedIn(stage);
    await t.test(operation.name, async () => {
      const faults = await faultsAt(stage, operation, decision);
      assert.deepEqual(faults.slice(0, SAID_MAX), [], `${faults.length} faults`);
    });
    if (!isReading(operation, decision) && !isLast(operation)) await stage.reset();
  }
});

async function checkStreams(stage: Stage): Promise<void> {
  await using streams = new AsyncDisposableStack();
  const ears = await openEars(site, stage);
  for (const ear of ears) streams.use(ear);
  const tenants = Object.values(stage.tenants);
  const users = new Set(ears.map(({ user }) => user.name));
  const readers = stage.users.filter(({ rights }) => rights.includes('read')).map(({ name }) => name);
  assert.deepEqual([...users].toSorted(), readers.toSorted(), 'who is let in');
  for (const tenant of tenants) await tenant.say();
  // whatever a stream was sent before its own tenant spoke again has come when that has
  for (const tenant of tenants) {
    const { name, namespace } = tenant;
    const text = await tenant.say();
    const own = ears.filter(({ user, query }) => user.tenant === name && query === queryOf(namespace));
    assert.ok(own.length > 0);
    await until(`${name} is heard by its own`, () => own.every(({ heard }) => heard.includes(text)));
  }
  const faults = ears.flatMap(({ user, query, said: asked, heard }) =>
    stage.leaked(user, asked, heard).map((mark) => `${user.name} hears ${mark} at ?${query}`),
  );
  await stage.changed();
  faults.push(...tenants.flatMap(({ name, strangers }) => strangers.map((text) => `${name} hears ${text}`)));
  assert.deepEqual(faults.slice(0, SAID_MAX), [], `${faults.length} faults`);
}

async function assertSignedIn({ tenants }: Stage): Promise<void> {
  for (const tenant of Object.values(tenants)) {
    assert.ok(await tenant.isSignedIn(), `${tenant.name} is signed out`);
  }
}

/** HEAD is decided on as GET is, where nothing else is said. */
function decisionOn({ name, method, path }: Operation): Decision | undefined {
  return DECISIONS[name] ?? (method === 'HEAD' ? DECISIONS[`GET ${path}`] : undefined);
}

/** Sessions end there: nobody has things to lose after it. */
function isLast(operation: Operation): boolean {
  return decisionOn(operation)?.isOfWallet === true;
}

function isReading({ method }: Operation, { proof }: Decision): boolean {
  return method === 'GET' || method === 'HEAD' || proof === 'shows';
}

async function faultsAt(stage: Stage, operation: Operation, decision: Decision): Promise<string[]> {
  if (!isReading(operation, decision)) return faultsOfWriting(stage, operation, decision);
  const askings = stage.users.flatMap((user) => stage.foreign(operation, user));
  const faults = (await stage.ask(askings)).flatMap((answer) => faultsOf(stage, decision, answer));
  const own = await stage.ask(rightfulAskings(stage, operation, decision));
  faults.push(...own.flatMap((answer) => faultsOf(stage, decision, answer)));
  const isSeen = operation.method !== 'HEAD' || operation.name in DECISIONS;
  for (const answer of decision.proof === 'shows' && isSeen ? own : []) {
    if (!stage.showsOwn(answer)) faults.push(`${said(answer)} shows nothing of its own: ${answer.text}`);
  }
  if (operation.fields.length === 0 || !isSeen) return faults;
  return [...faults, ...(await stage.changed()).map((name) => `reading changed what is ${name}'s`)];
}

/**
 * Those of one tenant after those of another, so that whose things changed tells who did it; those who may end the tenant's
 * sessions after those who may not.
 */
async function faultsOfWriting(stage: Stage, operation: Operation, decision: Decision): Promise<string[]> {
  const faults: string[] = [];
  const own = Map.groupBy(rightfulAskings(stage, operation, decision), ({ user }) => user);
  const users = stage.users.toSorted((a, b) => Number(mayEnd(a)) - Number(mayEnd(b)));
  const keyOf = (user: User) => `${user.tenant} ${decision.isOfWallet === true && mayEnd(user)}`;
  for (const group of Map.groupBy(users, keyOf).values()) {
    const [{ name: who, tenant } = users[0] as User] = group;
    const rightful = group.flatMap((user) => own.get(user) ?? []);
    const foreign = group.flatMap((user) => stage.foreign(operation, user));
    const answers = await stage.ask([...foreign, ...rightful]);
    faults.push(...answers.flatMap((answer) => faultsOf(stage, decision, answer)));
    const changed = await stage.changed();
    const others = changed.filter((name) => {
      if (decision.isOfWallet === true) return !(group.every(mayEnd) && sameWallet(name, tenant));
      return name !== tenant;
    });
    faults.push(...others.map((name) => `${who} changed what is ${name}'s`));
    const isDone = rightful.length > 0 && decision.proof === 'changes';
    if (isDone && !changed.some((name) => name === tenant)) faults.push(`${who} changed nothing of its own`);
  }
  return faults;
}

function rightfulAskings(stage: Stage, operation: Operation, { needs }: Decision): Asking[] {
  if (needs === null) return [];
  return stage.users
    .filter(({ rights }) => needs.every((right) => rights.includes(right)))
    .flatMap((user) => stage.rightful(operation, user));
}

function faultsOf(stage: Stage, decision: Decision, answer: Answer): string[] {
  const { asking, request, status, text } = answer;
  const faults = stage
    .leaked(asking.user, JSON.stringify(request), text)
    .map((mark) => `${said(answer)} shows ${mark}`);
  const expected = isRefused(decision, answer);
  if (status >= 500) faults.push(`${said(answer)}: ${text}`);
  else if (expected !== null && expected !== (REFUSED.has(status) || (expected && isOfNoForm(answer)))) {
    faults.push(`${said(answer)} is ${expected ? 'not ' : ''}refused: ${text}`);
  }
  return faults;
}

/**
 * Whether a route was given what it does not take, and so refuses before it looks closer at who asks: a longer name of a namespace
 * where it takes bare ones only, or one in the query where it takes none.
 */
function isOfNoForm({ status, text, asking: { naming } }: Answer): boolean {
  if (status !== 400) return false;
  return text.includes('"code":"unknown_field"') || Object.values(naming).some((name) => name.includes('@'));
}

/** Null where that is not decided here: what the answer shows, and what the request changes, is looked at all the same. */
function isRefused({ needs }: Decision, { asking }: Answer): boolean | null {
  const { operation, user, naming, own } = asking;
  if (needs === null) return null;
  if (!needs.every((right) => user.rights.includes(right))) return true;
  // signed by somebody who may not
  if (operation.body === 'bytes' && needs === CARRIES.needs) return null;
  const takesNamespace = operation.fields.some(({ name }) => name === 'namespace');
  const isForeign = Object.values(naming).some((name) => name !== own);
  if (isForeign && (!takesNamespace || user.tenant === 'operator')) return null;
  return isForeign;
}

/** Whether it may end its wallet's sessions. */
function mayEnd({ rights }: User): boolean {
  return rights.includes('session');
}

function sameWallet(name: string, tenant: string | null): boolean {
  return tenant?.split(' ')[0] === name.split(' ')[0];
}

function said({ asking: { user }, request: { method, path, body }, status }: Answer): string {
  const about = typeof body === 'string' && body.startsWith('{') ? ` ${body}` : '';
  return `${user.name}: ${method} ${path}${about} (${status})`;
}
