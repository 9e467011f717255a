import { randomBytes, timingSafeEqual } from 'node:crypto';
import { CLOCK_SKEW_MS, type Clock } from '../../protocols/common/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Statement } from '../state/index.ts';
import { NONCE_TTL_MS } from './limits.ts';
import type { Secrets } from './secrets.ts';

const NONCE = /^[A-Za-z0-9_-]{43}$/;
const TIME_BYTES = 4;
const RANDOM_BYTES = 12;
const MAC_BYTES = 16;
const HEAD_BYTES = TIME_BYTES + RANDOM_BYTES;

/** The subject and purpose of a nonce. */
export interface NonceSubject {
  readonly did: string;
  readonly namespace: string;
  /** The message that it stands in, without it: it is good in no other. Nothing for a nonce that is signed bare. */
  readonly message?: string;
}

/**
 * Nonces of 32 bytes: when they end, 12 random bytes, and an authentication code over these and its subject. So a nonce
 * that was only asked for takes no room anywhere; only one that a wallet signed is written down, which makes it good
 * once.
 */
export class Nonces {
  readonly #clock: Clock;
  readonly #secrets: Secrets;

  constructor(components: { readonly clock: Clock; readonly secrets: Secrets }) {
    this.#clock = components.clock;
    this.#secrets = components.secrets;
  }

  issue(subject: NonceSubject): { readonly nonce: string; readonly endsAt: number } {
    const seconds = Math.floor((this.#clock.now() + NONCE_TTL_MS) / 1000);
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32BE(seconds);
    randomBytes(RANDOM_BYTES).copy(head, TIME_BYTES);
    const nonce = Buffer.concat([head, this.#mac(head, subject)]).toString('base64url');
    return { nonce, endsAt: seconds * 1000 };
  }

  /** Throws `bad_nonce` for one that is not for `subject` or has ended; whether it was used is not known here. */
  check(nonce: string, subject: NonceSubject): void {
    const bytes = NONCE.test(nonce) ? Buffer.from(nonce, 'base64url') : Buffer.alloc(HEAD_BYTES + MAC_BYTES);
    const head = bytes.subarray(0, HEAD_BYTES);
    // the last character has bits that are of no byte: another text would be the same nonce
    const isOurs = bytes.toString('base64url') === nonce;
    if (!timingSafeEqual(bytes.subarray(HEAD_BYTES), this.#mac(head, subject)) || !isOurs) throw badNonce();
    if (endOf(nonce) <= this.#clock.now()) throw badNonce();
  }

  #mac(head: Uint8Array, { did, namespace, message }: NonceSubject): Buffer {
    const about = message === undefined ? [did, namespace] : [did, namespace, message];
    const text = JSON.stringify([Buffer.from(head).toString('hex'), ...about]);
    return this.#secrets.mac('nonce', text).subarray(0, MAC_BYTES);
  }
}

/** Affects one row when the nonce is used by this claim, and none when it was by another, or may have been before a restore. */
export function useNonce(nonce: string, claim: string): Statement {
  return {
    sql: `INSERT INTO used_nonces (nonce, claim, ends_at)
      SELECT ?, ?, ? WHERE ? > (SELECT coalesce(max(ends_at), 0) FROM nonce_floor)
      ON CONFLICT (nonce) DO UPDATE SET claim = claim WHERE claim = excluded.claim`,
    args: [nonce, claim, endOf(nonce), endOf(nonce)],
  };
}

/** Nobody knows which of the nonces that were issued before a restore at `now` were used: none of them is good. */
export function endNonces(now: number): Statement {
  return {
    sql: 'INSERT INTO nonce_floor (id, ends_at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at',
    args: [now + NONCE_TTL_MS + CLOCK_SKEW_MS],
  };
}

/** A condition for statements in the same transaction: `WHERE ${NONCE_IS_MINE}` with nonce and claim. */
export const NONCE_IS_MINE = 'EXISTS (SELECT 1 FROM used_nonces WHERE nonce = ? AND claim = ?)';

export function badNonce(): GatewayError {
  return new GatewayError('bad_nonce', 'invalid or expired nonce');
}

function endOf(nonce: string): number {
  return Buffer.from(nonce, 'base64url').readUInt32BE() * 1000;
}
