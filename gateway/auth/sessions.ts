import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../../protocols/common/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Row, State, Statement } from '../state/index.ts';
import { readDelegation, type WalletDelegation } from './delegations.ts';
import {
  ACCESS_TOKEN_TTL_MS,
  CLOCK_SKEW_MS,
  REFRESH_TOKENS_PER_SESSION_MAX,
  SESSION_TTL_MS,
  SESSIONS_PER_WALLET_MAX,
  SWEEP_BATCH,
} from './limits.ts';
import { badNonce, NONCE_IS_MINE, useNonce } from './nonces.ts';

const TOKEN_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export interface Session {
  readonly id: string;
  readonly did: string;
  readonly subject: string;
  readonly namespace: string;
  /** The wallet's delegation, which decides where the session acts; null for one that signed a bare nonce. */
  readonly delegation: WalletDelegation | null;
}

/** Which sessions of a wallet end together. */
export interface Ending {
  /** All namespaces when missing. */
  readonly namespace: string | undefined;
  /** Only those within a delegation. */
  readonly isDelegated?: boolean;
}

export interface OpenedSession extends Session {
  /** Shown to the client now and never again: only its hash is kept. */
  readonly refreshToken: string;
}

/** As `sessionOf` reads it. */
const FIELDS = 's.id, s.did, s.subject, s.namespace, s.custody, s.delegation';

/**
 * The sessions of wallets that signed in, each with the one refresh token that continues it. Each use of the token gives another
 * one; whoever brings one that was used, thief or victim, ends the session for both.
 */
export class Sessions {
  readonly #state: State;
  readonly #clock: Clock;

  constructor(components: { readonly state: State; readonly clock: Clock }) {
    this.#state = components.state;
    this.#clock = components.clock;
  }

  /** Uses the nonce and begins the session, both or neither. Throws `bad_nonce` for one that was used. */
  async open(nonce: string, subject: Omit<Session, 'id'>): Promise<OpenedSession> {
    const { did, namespace, delegation } = subject;
    const id = randomUUID();
    const refreshToken = newToken();
    const now = this.#clock.now();
    const endsAt = endOf(delegation, now);
    const delegated = [delegation?.custody ?? 'gateway', delegation === null ? null : encode(delegation)];
    const [used] = await this.#state.execute([
      useNonce(nonce, id),
      {
        sql: `INSERT INTO sessions (id, did, subject, namespace, created_at, ends_at, custody, delegation)
          SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE ${NONCE_IS_MINE} ON CONFLICT (id) DO NOTHING`,
        args: [id, did, subject.subject, namespace, now, endsAt, ...delegated, nonce, id],
      },
      {
        sql: `INSERT INTO refresh_tokens (hash, session, ends_at)
          SELECT ?, ?, ? WHERE ${NONCE_IS_MINE} ON CONFLICT (hash) DO NOTHING`,
        args: [hashOf(refreshToken), id, endsAt, nonce, id],
      },
      endOldest(did, now),
    ]);
    if (used?.rowsAffected !== 1) throw badNonce();
    return { id, ...subject, refreshToken };
  }

  /** Another refresh token for this one. Throws `unauthenticated`, and ends the session when the token was used before. */
  async refresh(token: string, namespace: string | undefined): Promise<OpenedSession> {
    if (!TOKEN.test(token)) throw badToken();
    const hash = hashOf(token);
    const session = await this.#sessionOf(hash);
    if (session === null || (namespace !== undefined && namespace !== session.namespace)) throw badToken();
    const claim = randomUUID();
    const next = newToken();
    const now = this.#clock.now();
    const endsAt = endOf(session.delegation, now);
    const [taken] = await this.#state.execute([
      {
        sql: `UPDATE refresh_tokens SET claim = ? WHERE hash = ? AND ends_at > ?
          AND (claim = ? OR (claim IS NULL AND
            NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE session = ? LIMIT 1 OFFSET ?)))
          AND EXISTS (SELECT 1 FROM sessions WHERE id = refresh_tokens.session AND revoked_at IS NULL)`,
        args: [claim, hash, now, claim, session.id, REFRESH_TOKENS_PER_SESSION_MAX - 1],
      },
      {
        sql: `INSERT INTO refresh_tokens (hash, session, ends_at)
          SELECT ?, session, ? FROM refresh_tokens WHERE hash = ? AND claim = ? ON CONFLICT (hash) DO NOTHING`,
        args: [hashOf(next), endsAt, hash, claim],
      },
      {
        sql: `UPDATE sessions SET ends_at = ? WHERE id = ?
          AND EXISTS (SELECT 1 FROM refresh_tokens WHERE hash = ? AND claim = ?)`,
        args: [endsAt, session.id, hash, claim],
      },
      // what it was not taken for ends the session: somebody else has its successor
      {
        sql: `UPDATE sessions SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?
          AND EXISTS (SELECT 1 FROM refresh_tokens WHERE hash = ? AND claim <> ?)`,
        args: [now, session.id, hash, claim],
      },
    ]);
    if (taken?.rowsAffected !== 1) throw badToken();
    return { ...session, refreshToken: next };
  }

  /** The session with this id; null when it has ended. */
  async find(id: string): Promise<Session | null> {
    const [row] = await this.#state.query(
      `SELECT ${FIELDS} FROM sessions AS s WHERE id = ? AND revoked_at IS NULL AND ends_at > ?`,
      [id, this.#clock.now()],
    );
    return row === undefined ? null : sessionOf(row);
  }

  /** Which of these ids are of sessions that have not ended. */
  async standing(ids: readonly string[]): Promise<string[]> {
    const rows = await this.#state.query(
      `SELECT id FROM sessions WHERE id IN (${ids.map(() => '?').join(', ')}) AND revoked_at IS NULL AND ends_at > ?`,
      [...ids, this.#clock.now()],
    );
    return rows.map(({ id }) => String(id));
  }

  /**
   * Ends and returns the session of a refresh token, used or not; null when there is no such session, or it ended
   * before.
   */
  async end(token: string, namespace: string | undefined): Promise<Session | null> {
    const session = TOKEN.test(token) ? await this.#sessionOf(hashOf(token)) : null;
    if (session === null || (namespace !== undefined && namespace !== session.namespace)) return null;
    const now = this.#clock.now();
    const [ended] = await this.#state.execute([
      {
        sql: 'UPDATE sessions SET revoked_at = ? WHERE id = ? AND (revoked_at IS NULL OR revoked_at = ?)',
        args: [now, session.id, now],
      },
    ]);
    return ended?.rowsAffected === 1 ? session : null;
  }

  /** Ends every session of a wallet, in one namespace or, without, in all. */
  async endAll(did: string, { namespace, isDelegated = false }: Ending): Promise<void> {
    const delegated = isDelegated ? ' AND delegation IS NOT NULL' : '';
    const scope = namespace === undefined ? delegated : ` AND namespace = ?${delegated}`;
    await this.#state.execute([
      {
        sql: `UPDATE sessions SET revoked_at = ? WHERE did = ? AND revoked_at IS NULL${scope}`,
        args: [this.#clock.now(), did, ...(namespace === undefined ? [] : [namespace])],
      },
    ]);
  }

  async #sessionOf(hash: string): Promise<Session | null> {
    const [row] = await this.#state.query(
      `SELECT ${FIELDS} FROM refresh_tokens AS t JOIN sessions AS s ON s.id = t.session
        WHERE t.hash = ?`,
      [hash],
    );
    return row === undefined ? null : sessionOf(row);
  }
}

/** Deletes expired nonces, refresh tokens and sessions. */
export function sweepEnded(now: number): Statement[] {
  return [
    // where a clock is late a nonce has not ended yet
    { sql: 'DELETE FROM used_nonces WHERE ends_at < ?', args: [now - 2 * CLOCK_SKEW_MS] },
    // a used refresh token is kept until then, while its session stands: so a reused one is known as such
    { sql: 'DELETE FROM refresh_tokens WHERE ends_at < ?', args: [now] },
    { sql: 'DELETE FROM sessions WHERE ends_at < ?', args: [now] },
  ];
}

/**
 * Deletes the first `SWEEP_BATCH` sessions that were revoked when their last access tokens have ended, too; the last outcome says how many.
 * A refresh token of theirs is unknown then, which is answered alike.
 */
export function sweepRevoked(now: number): Statement[] {
  const first = 'SELECT id FROM sessions WHERE revoked_at < ? ORDER BY revoked_at, id LIMIT ?';
  const args = [now - ACCESS_TOKEN_TTL_MS - CLOCK_SKEW_MS, SWEEP_BATCH];
  return [
    { sql: `DELETE FROM refresh_tokens WHERE session IN (${first})`, args },
    { sql: `DELETE FROM sessions WHERE id IN (${first})`, args },
  ];
}

function endOldest(did: string, now: number): Statement {
  return {
    sql: `UPDATE sessions SET revoked_at = ? WHERE id IN (
      SELECT id FROM sessions WHERE did = ? AND revoked_at IS NULL ORDER BY created_at DESC, id LIMIT -1 OFFSET ?)`,
    args: [now, did, SESSIONS_PER_WALLET_MAX],
  };
}

/** A session is worth nothing without what it acts within. */
function endOf(delegation: WalletDelegation | null, now: number): number {
  return Math.min(now + SESSION_TTL_MS, delegation?.endsAt ?? Number.POSITIVE_INFINITY);
}

function encode({ chain: [cacao] }: WalletDelegation): string {
  return Buffer.from(cacao).toString('base64url');
}

function delegationOf({ custody, delegation }: Row): WalletDelegation | null {
  if (custody !== 'delegated' && custody !== 'client') return null;
  return readDelegation(Buffer.from(String(delegation), 'base64url'), custody);
}

function sessionOf(row: Row): Session {
  return {
    delegation: delegationOf(row),
    id: String(row['id']),
    did: String(row['did']),
    subject: String(row['subject']),
    namespace: String(row['namespace']),
  };
}

function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** 256 random bits need no salt. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

function badToken(): GatewayError {
  return new GatewayError('unauthenticated', 'invalid or expired refresh token');
}
