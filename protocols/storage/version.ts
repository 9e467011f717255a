import { base32 } from 'multiformats/bases/base32';
import { compareBytes, concatBytes } from '../common/bytes.ts';
import type { Clock } from '../common/clock.ts';
import { COUNTER_MAX, DIGEST_BYTES, VERSION_DRAG_MAX_MS } from './constants.ts';
import type { Stamp, Version } from './record.ts';

/** CIDv1, dag-cbor, sha2-256, 32 bytes. */
const CID_PREFIX = Uint8Array.of(0x01, 0x71, 0x12, 0x20);

/** Below 0 when `a` is older than `b`, 0 when they are the same. */
export function compareVersions(a: Version, b: Version): number {
  return a.ms - b.ms || a.counter - b.counter;
}

/** The one order of all records of a key: of two the greater one wins, wherever they meet. */
export function compareRecords(a: Stamp, b: Stamp): number {
  return compareVersions(a, b) || compareBytes(a.digest, b.digest);
}

/** CIDv1 (dag-cbor, sha2-256) of a record's body, in base32. */
export function recordCid(digest: Uint8Array): string {
  return base32.encode(concatBytes(CID_PREFIX, digest));
}

/** `"<ms>-<counter>-<cid>"`, with its quotes: an HTTP entity tag. */
export function formatEtag({ ms, counter, digest }: Stamp): string {
  return `"${ms}-${counter}-${recordCid(digest)}"`;
}

/** A CIDv1 in base32 of 36 bytes is a `b` and 58 characters. */
const ETAG = /^"?(0|[1-9]\d{0,15})-(0|[1-9]\d{0,4})-(b[a-z2-7]{58})"?$/;

/** Reads an entity tag, also one without its quotes; null for what `formatEtag` never makes. */
export function parseEtag(etag: string): Stamp | null {
  const [, ms, counter, cid] = ETAG.exec(etag) ?? [];
  if (ms === undefined || counter === undefined || cid === undefined) return null;
  const bytes = decodeBase32(cid);
  if (bytes?.byteLength !== CID_PREFIX.byteLength + DIGEST_BYTES) return null;
  const stamp = { ms: Number(ms), counter: Number(counter), digest: bytes.slice(CID_PREFIX.byteLength) };
  const isSame = formatEtag(stamp) === `"${etag.replace(/^"|"$/g, '')}"`;
  const isInRange = Number.isSafeInteger(stamp.ms) && stamp.counter <= COUNTER_MAX;
  return isSame && isInRange && etag.startsWith('"') === etag.endsWith('"') ? stamp : null;
}

function decodeBase32(text: string): Uint8Array | null {
  try {
    return base32.decode(text);
  } catch {
    return null; // bits left over at the end that are not zero
  }
}

const NO_VERSION: Version = { ms: 0, counter: 0 };

/**
 * Gives out record versions, each one above all before: the wall clock where it is ahead, otherwise one more than the last. An
 * observed version moves it ahead by at most half of the clock skew: an author whose clock is fast cannot make this node issue
 * versions that replicas with slower clocks refuse. Only a version that must be exceeded takes one further.
 *
 * Two cases may give out the same version twice, and the digests of the records order them then: several
 * versions too far ahead that are exceeded in turns, and a wall clock that is set back by more than the drag, after which
 * it begins anew, since it would be refused everywhere until the clock is there again.
 */
export class HybridClock {
  readonly #clock: Clock;
  #last: Version = NO_VERSION;
  /** The last one that had to exceed a version too far ahead to go on from. */
  #lastFar: Version = NO_VERSION;

  constructor(components: { readonly clock: Clock }) {
    this.#clock = components.clock;
  }

  /** A version that is above `after` and above all given out before. */
  next(after: Version = NO_VERSION): Version {
    const now = this.#clock.now();
    const horizon = now + VERSION_DRAG_MAX_MS;
    if (after.ms > horizon) return this.#nextFar(after);
    if (this.#last.ms > horizon) this.#last = NO_VERSION;
    const base = later(this.#last, after);
    this.#last = base.ms < now ? { ms: now, counter: 0 } : successor(base);
    return this.#last;
  }

  /** A version that somebody else gave out: the next one will be above it, unless it is too far ahead. */
  observe(version: Version): void {
    const isNear = version.ms <= this.#clock.now() + VERSION_DRAG_MAX_MS;
    if (isNear) this.#last = later(this.#last, version);
  }

  #nextFar(after: Version): Version {
    const base = after.ms === this.#lastFar.ms ? later(this.#lastFar, after) : after;
    this.#lastFar = successor(base);
    return this.#lastFar;
  }
}

function later(a: Version, b: Version): Version {
  return compareVersions(a, b) >= 0 ? a : b;
}

function successor({ ms, counter }: Version): Version {
  return counter < COUNTER_MAX ? { ms, counter: counter + 1 } : { ms: ms + 1, counter: 0 };
}
