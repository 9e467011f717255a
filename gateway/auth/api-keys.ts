import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../protocols/common/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Row, State, Statement } from '../state/index.ts';
import { API_KEYS_PER_WALLET_MAX, REVOKED_KEY_KEPT_MS } from './limits.ts';
import { badNonce, NONCE_IS_MINE, useNonce } from './nonces.ts';
import type { Secrets } from './secrets.ts';

/** Scopes that a wallet's credential may grant. */
export const SCOPES = ['read', 'write'] as const;
/** The same of the operator's: `admin` changes the node. */
export const OPERATOR_SCOPES = [...SCOPES, 'admin'] as const;
export type Scope = (typeof OPERATOR_SCOPES)[number];

const KEY_BYTES = 18;
const KEY = /^ak_[A-Za-z0-9_-]{24}:[a-z0-9-]{1,64}$/;
const ID_BYTES = 9;
/** Name of the key that a wallet gets with its sign-in. */
const SIGN_IN_NAME = '';

/** Holder of a key. */
export interface KeyHolder {
  readonly did: string;
  readonly subject: string;
  readonly namespace: string;
}

/** Keys of one holder: in one namespace, or without one in all. */
export interface KeyScope {
  readonly did: string;
  readonly namespace?: string | undefined;
}

export interface ApiKey extends KeyHolder {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
}

export interface ApiKeysComponents {
  readonly state: State;
  readonly secrets: Secrets;
  readonly clock: Clock;
}

/** Keys for programs: `ak_<24 characters>:<namespace>`. The gateway keeps only each key's hash. */
export class ApiKeys {
  readonly #components: ApiKeysComponents;

  constructor(components: ApiKeysComponents) {
    this.#components = components;
  }

  /**
   * The key that a wallet gets with every sign-in, always the same one until it is revoked: it follows from the gateways' secret, so that
   * it can be said again though only its hash is kept. With `nonce`, that is used up too, or nothing happens: throws `bad_nonce`.
   */
  async ofSignIn(holder: KeyHolder, nonce?: string): Promise<string> {
    const { secrets, clock } = this.#components;
    const generation = await this.#generation(holder);
    const { did, namespace } = holder;
    const seed = secrets.mac('api-key', JSON.stringify([did, namespace, generation]));
    const text = keyText(seed.subarray(0, KEY_BYTES), namespace);
    const hash = hashOf(text);
    const claim = crypto.randomUUID();
    const insert = insertKey(
      { ...holder, id: hash.slice(0, 12), name: SIGN_IN_NAME, scopes: SCOPES, createdAt: clock.now() },
      { hash, generation, only: nonce === undefined ? null : [nonce, claim] },
    );
    const statements = nonce === undefined ? [insert] : [useNonce(nonce, claim), insert];
    const [first] = await this.#components.state.execute(statements);
    if (nonce !== undefined && first?.rowsAffected !== 1) throw badNonce();
    return text;
  }

  /** Makes a named key. Throws `too_many_apps` when `scope` has reached its limit of keys. */
  async create(
    holder: KeyHolder,
    { name, scopes }: Pick<ApiKey, 'name' | 'scopes'>,
    scope: KeyScope = holder,
  ): Promise<{ readonly text: string; readonly key: ApiKey }> {
    const { state, clock } = this.#components;
    if ((await this.list(scope)).length >= API_KEYS_PER_WALLET_MAX) {
      throw new GatewayError(
        'too_many_apps',
        `there are ${API_KEYS_PER_WALLET_MAX} keys, as many as there may be: revoke one`,
      );
    }
    const text = keyText(randomBytes(KEY_BYTES), holder.namespace);
    const id = randomBytes(ID_BYTES).toString('base64url');
    const key = { ...holder, id, name, scopes, createdAt: clock.now() };
    await state.execute([insertKey(key, { hash: hashOf(text), generation: 0, only: null })]);
    return { text, key };
  }

  /** The key with this text; null when it is unknown or was revoked. */
  async find(text: string): Promise<ApiKey | null> {
    if (!KEY.test(text)) return null;
    const hash = hashOf(text);
    const [row] = await this.#components.state.query(
      'SELECT * FROM api_keys WHERE hash = ? AND revoked_at IS NULL',
      [hash],
    );
    if (row === undefined || !timingSafeEqual(Buffer.from(String(row['hash'])), Buffer.from(hash)))
      return null;
    return apiKeyOf(row);
  }

  /** Which of these ids are of keys that are good still. */
  async standing(ids: readonly string[]): Promise<string[]> {
    const rows = await this.#components.state.query(
      `SELECT id FROM api_keys WHERE id IN (${ids.map(() => '?').join(', ')}) AND revoked_at IS NULL`,
      ids,
    );
    return rows.map(({ id }) => String(id));
  }

  /** Keys that are good, the newest first. */
  async list(scope: KeyScope): Promise<ApiKey[]> {
    const { where, args } = within(scope);
    const rows = await this.#components.state.query(
      `SELECT * FROM api_keys WHERE ${where} AND revoked_at IS NULL ORDER BY created_at DESC, id LIMIT ?`,
      [...args, API_KEYS_PER_WALLET_MAX + 1],
    );
    return rows.map(apiKeyOf);
  }

  /** Whether there was such a key of theirs. */
  async revoke(scope: KeyScope, id: string): Promise<boolean> {
    const { state, clock } = this.#components;
    const { where, args } = within(scope);
    const now = clock.now();
    const [revoked] = await state.execute([
      {
        sql: `UPDATE api_keys SET revoked_at = ? WHERE id = ? AND ${where} AND (revoked_at IS NULL OR revoked_at = ?)`,
        args: [now, id, ...args, now],
      },
    ]);
    return revoked?.rowsAffected === 1;
  }

  /** Counts the sign-in keys that were revoked: each is followed by another one. */
  async #generation({ did, namespace }: KeyHolder): Promise<number> {
    const [row] = await this.#components.state.query(
      `SELECT count(*) AS revoked FROM api_keys
        WHERE did = ? AND namespace = ? AND name = ? AND revoked_at IS NOT NULL`,
      [did, namespace, SIGN_IN_NAME],
    );
    return Number(row?.['revoked'] ?? 0);
  }
}

/** Deletes keys that were revoked long ago; not those of sign-ins, which are counted. */
export function sweepApiKeys(now: number): Statement {
  return {
    sql: "DELETE FROM api_keys WHERE revoked_at < ? AND name <> ''",
    args: [now - REVOKED_KEY_KEPT_MS],
  };
}

function within({ did, namespace }: KeyScope): { where: string; args: string[] } {
  if (namespace === undefined) return { where: 'did = ?', args: [did] };
  return { where: 'did = ? AND namespace = ?', args: [did, namespace] };
}

function insertKey(
  key: ApiKey,
  { hash, generation, only }: { hash: string; generation: number; only: readonly [string, string] | null },
): Statement {
  const { id, did, subject, namespace, name, scopes, createdAt } = key;
  return {
    sql: `INSERT INTO api_keys (id, hash, did, subject, namespace, name, generation, scopes, created_at)
      SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE ${only === null ? 'true' : NONCE_IS_MINE} ON CONFLICT DO NOTHING`,
    args: [id, hash, did, subject, namespace, name, generation, scopes.join(' '), createdAt, ...(only ?? [])],
  };
}

function apiKeyOf(row: Row): ApiKey {
  const granted = new Set(String(row['scopes']).split(' '));
  return {
    id: String(row['id']),
    did: String(row['did']),
    subject: String(row['subject']),
    namespace: String(row['namespace']),
    name: String(row['name']),
    scopes: OPERATOR_SCOPES.filter((scope) => granted.has(scope)),
    createdAt: Number(row['created_at']),
  };
}

function keyText(bytes: Buffer, namespace: string): string {
  return `ak_${bytes.toString('base64url')}:${namespace}`;
}

/** 144 random bits need no salt. */
function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
