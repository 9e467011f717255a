import * as dagCbor from '@ipld/dag-cbor';
import { CodedError } from './errors.ts';

/** Room for fields to come, so that they need no new version. */
export const EXT_MAX_BYTES = 512;
/** How deep a value in `ext` may be nested. */
export const EXT_MAX_DEPTH = 4;

/** Makes the protocol's own error for a wrong field, with this message. */
export type Fail = (message: string) => CodedError;

/** Checks the fields of a decoded object one by one and names the one that is wrong. */
export class FieldChecks {
  readonly #fail: Fail;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  text(name: string, value: unknown): string {
    if (typeof value !== 'string') throw this.#fail(`${name} must be text`);
    return value;
  }

  bytes(name: string, value: unknown, max: number, min = max): Uint8Array {
    if (!(value instanceof Uint8Array) || value.byteLength < min || value.byteLength > max) {
      throw this.#fail(`${name} must be ${min === max ? max : `${min} to ${max}`} bytes`);
    }
    return value;
  }

  integer(name: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
      const bound = max === Number.MAX_SAFE_INTEGER ? '2^53 - 1' : String(max);
      throw this.#fail(`${name} must be an integer from ${min} to ${bound}`);
    }
    return value;
  }

  array(name: string, value: unknown, max: number): unknown[] {
    if (!Array.isArray(value)) throw this.#fail(`${name} must be a list`);
    if (value.length > max) throw this.#fail(`${name} must hold at most ${max}`);
    return value;
  }

  /** The map of extensions: small, and nothing in it that codecs read differently. */
  ext(ext: unknown): void {
    if (!isPlainObject(ext)) throw this.#fail('ext must be a map');
    this.#extValue(ext, EXT_MAX_DEPTH);
    if (Object.keys(ext).length > 0 && dagCbor.encode(ext).byteLength > EXT_MAX_BYTES) {
      throw this.#fail(`ext exceeds ${EXT_MAX_BYTES} bytes`);
    }
  }

  /** Runs a check and rethrows its errors as errors of this protocol. */
  named(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (error instanceof CodedError) throw this.#fail(error.message);
      throw error;
    }
  }

  #extValue(value: unknown, depth: number): void {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
    if (value instanceof Uint8Array || Number.isSafeInteger(value)) return;
    if (depth === 0) throw this.#fail(`ext is nested deeper than ${EXT_MAX_DEPTH}`);
    if (!Array.isArray(value) && !isPlainObject(value)) {
      throw this.#fail('ext may hold text, bytes, integers below 2^53, booleans, null, lists and maps');
    }
    // IPLD keeps this key for links: libraries take a map that has it for one
    if (Object.hasOwn(value, '/')) throw this.#fail('ext may not have the key /');
    for (const item of Array.isArray(value) ? value : Object.values(value)) this.#extValue(item, depth - 1);
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
