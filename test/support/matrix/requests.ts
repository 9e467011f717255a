/** Requests made of what the document says an operation takes, with the names of somebody's things in all places. */

import { randomBytes } from 'node:crypto';
import * as cbor from '../cbor.ts';
import { didOf } from '../did.ts';
import { authorOf, sha256 } from '../envelopes.ts';
import { sessionOf } from '../identities.ts';
import { policy } from '../notices.ts';
import { said, written } from '../tenants.ts';
import type { Field, Operation, Place } from './operations.ts';
import { HEX_KEY, type Headers, KEY, MAP, type Tenant, TOPIC } from './tenants.ts';
import type { User } from './users.ts';

/** A request by a user, and the tenant whose things it names. */
export interface Asking {
  readonly operation: Operation;
  readonly user: User;
  readonly target: Tenant;
  /** The user's name for its own namespace. */
  readonly own: string;
  /** Which namespace is named where. */
  readonly naming: Naming;
  /** Whether the target's things are the user's own. */
  readonly isRightful: boolean;
}

export type Naming = Readonly<Partial<Record<Place, string>>>;

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string | Uint8Array | null;
}

/** Value of a field of that name in a request; undefined leaves it out. */
type Filler = (asking: Asking) => unknown;

/** Author that signs here without any right. */
const STRANGER = authorOf(sha256(Buffer.from('a stranger to everybody')));
const UNKNOWN_TOKEN = Buffer.alloc(32, 7).toString('base64url');

const FILLERS: Readonly<Record<string, Filler>> = {
  key: ({ operation: { path }, isRightful }) => {
    if (path === '/store') return isRightful ? randomBytes(32).toString('hex') : HEX_KEY;
    return path.startsWith('/retrieve/') ? HEX_KEY : KEY;
  },
  keys: ({ target }) => [KEY, target.marked.key],
  dmap: () => MAP,
  topic: () => TOPIC,
  id: ({ operation, target: { things } }) => {
    if (operation.path.startsWith('/v1/apps/')) return things.app || 'none';
    if (operation.path.startsWith('/v1/auth/api-keys/')) return things.apiKey || 'none';
    if (operation.path.startsWith('/v1/uploads/')) return things.upload;
    throw new Error(`say in test/support/matrix/requests.ts which id ${operation.name} takes`);
  },
  cursor: ({ operation, target: { things }, isRightful }) => {
    if (isRightful) return undefined;
    return operation.path.startsWith('/v1/pubsub/') ? things.message : things.cursor;
  },
  'last-event-id': ({ target, isRightful }) => (isRightful ? undefined : target.things.message),
  'idempotency-key': ({ target, isRightful }) => (isRightful ? undefined : target.things.idempotencyKey),
  cid: ({ target: { things } }) => things.blob,
  upload: ({ target: { things }, isRightful }) => (isRightful ? undefined : things.upload),
  'upload-offset': () => '0',
  'upload-complete': () => '?1',
  data: ({ user }) => Buffer.from(`by ${user.name}`).toString('base64'),
  data_base64: ({ user }) => Buffer.from(`${user.tenant}: by ${user.name}`).toString('base64'),
  value: ({ operation, user }) =>
    operation.path === '/store' ? Buffer.from(user.name).toString('hex') : `by ${user.name}`,
  name: ({ user }) => `by ${user.name}`.slice(0, 64),
  wallet: ({ target }) => target.wallet?.address ?? `0x${'7'.repeat(40)}`,
  nonce: ({ target }) => target.things.nonce || UNKNOWN_TOKEN,
  signature: () => `0x${'7'.repeat(128)}1b`,
  refresh_token: ({ isRightful }) => (isRightful ? undefined : UNKNOWN_TOKEN),
  all: () => true,
  naming: () => [Buffer.from('no link').toString('base64')],
};

/** Fields that name nothing of anybody: what they hold is tested elsewhere. */
const NAMELESS: ReadonlySet<string> = new Set(
  (
    'accept dag-scope entity-bytes car-version car-order car-dups ' +
    'upload-length format reach consistency durability ttl expiry limit prefix match if-match if-none-match if-unmodified-since range if-range ' +
    'callback chain_type plan purpose scopes public_key frames presence member_id member_meta api_key token ' +
    'ticket route type chain_id audience expires_in actions message statement state multiaddr peer_addr peer_id'
  ).split(' '),
);

/** Builders of byte bodies, which name things inside them. */
const BYTES: Readonly<Record<string, (asking: Asking) => Uint8Array>> = {
  '/v1/pubsub/envelopes': ({ user, target }) =>
    said({ ...signedFor(target), topic: TOPIC, text: `${user.tenant}: by ${user.name}` }),
  '/v1/records': ({ target }) => written({ ...signedFor(target), key: KEY, text: 'by a stranger' }),
  '/v1/namespaces/notices': ({ target }) => {
    const { owner, namespace } = signedFor(target);
    const stranger = cbor.text(didOf(STRANGER));
    return policy(
      {
        owner: cbor.text(owner),
        namespace: cbor.text(namespace),
        sequence: cbor.integer(1),
        previous: cbor.NULL,
        time: cbor.integer(Date.now()),
        holder: stranger,
        as: stranger,
      },
      { author: STRANGER },
    );
  },
};

/** All ways in which somebody whose namespace is `own` can name another to an operation. */
export function namingsOf({ fields }: Operation, own: string, spellings: readonly string[]): Naming[] {
  const places = fields.filter(({ name }) => name === 'namespace').map(({ where }) => where);
  const [first = own] = spellings;
  if (places.length === 0) return [{}];
  const least: Naming = places.includes('path') ? { path: own } : {};
  const everywhere = Object.fromEntries(places.map((place) => [place, own]));
  const naming = (rest: Naming, place: Place, name: string): Naming => ({ ...rest, [place]: name });
  return [
    least,
    ...spellings.flatMap((spelling) => places.map((place) => naming(least, place, spelling))),
    ...(places.length > 1 ? places.map((place) => naming(everywhere, place, first)) : []),
  ];
}

export function requestOf(asking: Asking): Request {
  const { operation, user, naming } = asking;
  const said = operation.fields.map((field) => [field, valueOf(asking, field)] as const);
  const at = (where: Place): [string, unknown][] =>
    said
      .filter(([field, value]) => field.where === where && value !== undefined)
      .map(([{ name }, value]) => [name, value]);
  let { path } = operation;
  for (const [name, value] of at('path')) path = path.replace(`{${name}}`, encodeURIComponent(String(value)));
  const query = new URLSearchParams(
    at('query').map(([name, value]): [string, string] => [name, String(value)]),
  );
  if (naming.query !== undefined) query.set('namespace', naming.query);
  const text = query.toString();
  return {
    method: operation.method,
    path: text === '' ? path : `${path}?${text}`,
    headers: {
      ...Object.fromEntries(at('header').map(([name, value]) => [name, String(value)])),
      ...user.headers,
      ...(operation.body === null ? {} : { 'content-type': typeOf(operation) }),
    },
    body: bodyOf(asking, Object.fromEntries(at('body'))),
  };
}

function valueOf(asking: Asking, { name, where }: Field): unknown {
  const { operation, naming, own } = asking;
  if (name === 'namespace') return naming[where] ?? (where === 'path' ? own : undefined);
  if (name === 'key' && where === 'query' && isKeyElsewhere(operation)) return undefined;
  const fill = FILLERS[name];
  if (fill !== undefined) return fill(asking);
  if (NAMELESS.has(name)) return undefined;
  throw new Error(`say in test/support/matrix/requests.ts what ${operation.name} shall have as ${name}`);
}

/** The key is in the path; or a list is asked for, which with a key would be the value. */
function isKeyElsewhere({ path, method }: Operation): boolean {
  return path.includes('{key}') || (path === '/v1/kv/{namespace}' && method === 'GET');
}

function bodyOf(asking: Asking, fields: Readonly<Record<string, unknown>>): string | Uint8Array | null {
  const { operation, user } = asking;
  if (operation.body === null) return null;
  if (operation.body === 'json') return JSON.stringify(fields);
  return BYTES[operation.path]?.(asking) ?? Buffer.from(`by ${user.name}`);
}

function typeOf({ body, path }: Operation): string {
  if (body === 'json') return 'application/json';
  return BYTES[path] === undefined ? 'text/plain' : 'application/cbor';
}

/** Owner and namespace of a target on the mesh, and a signer who has no business there. */
function signedFor({ place }: Tenant) {
  const [namespace = '', owner = ''] = place.split(/@(.*)/);
  return { namespace, owner, by: sessionOf(STRANGER) };
}
