/** Everybody who asks. Another kind of user is one more entry of `USERS`. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { loadSecrets } from '../../../gateway/auth/secrets.ts';
import { SigningKeys } from '../../../gateway/auth/signing-keys.ts';
import { Tokens } from '../../../gateway/auth/tokens.ts';
import { openState } from '../../../gateway/state/index.ts';
import { post, signIn } from '../sign-in.ts';
import { silentLogger } from '../silent-logger.ts';
import type { Site } from '../start-gateway.ts';
import type { Headers, Tenant, TenantInit } from './tenants.ts';

/** Right a request can require of its sender. */
export type Right =
  | 'read'
  | 'write'
  /** A credential stands behind it. */
  | 'holder'
  /** The wallet itself signed in. */
  | 'session'
  /** The credential is an API key. */
  | 'key'
  /** It makes API keys and revokes them. */
  | 'keys'
  /** It changes the node. */
  | 'admin';

export type TenantName = 'operator' | 'A' | 'B' | 'namesake' | 'A elsewhere' | 'delegator';

/**
 * B's namespace has another name; the namesake's has A's; A has a second one, which is a tenant like another; the delegator's is its
 * own, in which the gateway signs as far as that was delegated.
 */
export const TENANTS: Readonly<Record<TenantName, Omit<TenantInit, 'name'>>> = {
  operator: { namespace: 'default', wallet: null },
  A: { namespace: 'alpha', wallet: 1 },
  B: { namespace: 'beta', wallet: 2 },
  namesake: { namespace: 'alpha', wallet: 3 },
  'A elsewhere': { namespace: 'gamma', wallet: 1 },
  delegator: { namespace: 'delta', wallet: 4, isDelegated: true },
};

export interface UserKind {
  readonly name: string;
  /** In whose namespace it acts; null for who has no good credential. */
  readonly tenant: TenantName | null;
  readonly rights: readonly Right[];
  readonly headers: (tenants: Tenants, site: Site) => Headers | Promise<Headers>;
}

export type Tenants = Readonly<Record<TenantName, Tenant>>;

export interface User extends Omit<UserKind, 'headers'> {
  readonly headers: Headers;
}

const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });
const sessionOf = (name: TenantName) => (tenants: Tenants) => tenants[name].headers;
const DELEGATED: readonly Right[] = ['read', 'write', 'holder', 'session'];
const OF_SESSION: readonly Right[] = [...DELEGATED, 'keys'];

export const USERS: readonly UserKind[] = [
  {
    name: 'the operator',
    tenant: 'operator',
    rights: ['read', 'write', 'keys', 'admin'],
    headers: () => ({}),
  },
  {
    name: "the operator's API key",
    tenant: 'operator',
    rights: ['read', 'write', 'holder', 'key'],
    headers: ({ operator }) => ({ 'x-api-key': operator.things.fullKeyText }),
  },
  {
    name: "the operator's API key that administers",
    tenant: 'operator',
    rights: ['read', 'write', 'holder', 'key', 'admin'],
    headers: (_tenants, { url }) => adminKey(url),
  },
  { name: 'who delegated', tenant: 'delegator', rights: DELEGATED, headers: sessionOf('delegator') },
  { name: 'A signed in', tenant: 'A', rights: OF_SESSION, headers: sessionOf('A') },
  {
    name: "A's API key",
    tenant: 'A',
    rights: ['read', 'write', 'holder', 'key'],
    headers: ({ A }) => ({ 'x-api-key': A.things.fullKeyText }),
  },
  {
    name: "A's API key that only reads",
    tenant: 'A',
    rights: ['read', 'holder', 'key'],
    headers: ({ A }) => ({ authorization: `ApiKey ${A.things.readOnlyKeyText}` }),
  },
  {
    name: "A's API key for another namespace",
    tenant: 'A elsewhere',
    rights: ['read', 'write', 'holder', 'key'],
    headers: (tenants) => bearer(tenants['A elsewhere'].things.fullKeyText),
  },
  {
    name: "a token that A's API key for another namespace was given",
    tenant: 'A elsewhere',
    rights: ['read', 'write', 'holder'],
    headers: (tenants, { url }) => tokenFor(tenants['A elsewhere'], url),
  },
  { name: 'B signed in', tenant: 'B', rights: OF_SESSION, headers: sessionOf('B') },
  {
    name: 'a wallet with a namespace of the same name',
    tenant: 'namesake',
    rights: OF_SESSION,
    headers: sessionOf('namesake'),
  },
  {
    name: 'somebody through a proxy',
    tenant: null,
    rights: [],
    headers: () => ({ 'x-forwarded-for': '203.0.113.7' }),
  },
  { name: 'a forged token of A', tenant: null, rights: [], headers: ({ A }) => bearer(forge(A)) },
  {
    name: 'a token of A that has expired',
    tenant: null,
    rights: [],
    headers: async ({ A }, site) => bearer(await expired(A, site)),
  },
  {
    name: 'a session of A that has ended',
    tenant: null,
    rights: [],
    headers: ({ A }, { url }) => ended(A, url),
  },
  {
    name: 'an API key of A that was revoked',
    tenant: null,
    rights: [],
    headers: ({ A }, { url }) => revoked(A, url),
  },
];

export async function usersOf(tenants: Tenants, site: Site): Promise<User[]> {
  const headers = await Promise.all(USERS.map(async (kind) => kind.headers(tenants, site)));
  return USERS.map(({ name, tenant, rights }, index) => {
    return { name, tenant, rights, headers: headers[index] ?? {} };
  });
}

async function adminKey(url: string): Promise<Headers> {
  const scopes = ['read', 'write', 'admin'];
  const made = await post(url, '/v1/auth/api-keys', { name: 'administers', scopes });
  const { api_key: text } = (await made.json()) as { api_key: string };
  return { 'x-api-key': text };
}

async function tokenFor({ things }: Tenant, url: string): Promise<Headers> {
  const made = await post(url, '/v1/auth/token', {}, { 'x-api-key': things.fullKeyText });
  const { access_token: token } = (await made.json()) as { access_token: string };
  return bearer(token);
}

/** Claims of A's token, signed by somebody else. */
function forge({ session }: Tenant): string {
  const text = session?.access_token.split('.').slice(0, 2).join('.') ?? '';
  const { privateKey } = generateKeyPairSync('ed25519');
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
}

/** Signed with the gateway's own key, an hour ago. */
async function expired({ session, did, namespace }: Tenant, { config, node }: Site): Promise<string> {
  const clock = { now: () => Date.now() - 3_600_000 };
  const state = openState({ logger: silentLogger() }, config);
  const keys = new SigningKeys({ state, secrets: loadSecrets(config), clock });
  const { origin } = JSON.parse(
    Buffer.from(session?.access_token.split('.')[1] ?? '', 'base64url').toString(),
  ) as { origin: string };
  try {
    const tokens = new Tokens({ keys, clock, issuer: () => node.owner });
    const subject = { sub: session?.subject ?? '', did, namespace, origin, scope: 'read write' };
    return (await tokens.issue(subject)).token;
  } finally {
    await state.close();
  }
}

async function ended({ wallet, namespace }: Tenant, url: string): Promise<Headers> {
  if (wallet === null) throw new Error('the operator has no session');
  const { access_token: token, refresh_token } = await signIn(url, wallet, namespace);
  await post(url, '/v1/auth/logout', { refresh_token });
  return bearer(token);
}

async function revoked({ headers }: Tenant, url: string): Promise<Headers> {
  const made = await post(url, '/v1/auth/api-keys', { name: 'short-lived' }, headers);
  const { id, api_key: text } = (await made.json()) as { id: string; api_key: string };
  await fetch(`${url}/v1/auth/api-keys/${id}`, { method: 'DELETE', headers });
  return { 'x-api-key': text };
}
