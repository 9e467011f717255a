import * as dagCbor from '@ipld/dag-cbor';
import { equalBytes } from './bytes.ts';
import { hasFewItems } from './cbor-bounds.ts';
import { type CodedError, errorMessage } from './errors.ts';

/** Unsigned frames: one array in canonical DAG-CBOR, its version first. */
export interface FrameForm {
  readonly maxBytes: number;
  /** All items of CBOR in it, those of lists within it as well. */
  readonly maxItems: number;
  /** Its name in messages. */
  readonly noun: string;
  readonly malformed: (message: string) => CodedError;
  /** Throws for a version that is not known. */
  readonly checkVersion: (version: number) => void;
}

/**
 * The items behind the version. Size and number of items are checked before anything is decoded; another version is told before the
 * form of what follows it.
 */
export function decodeFrameItems(bytes: Uint8Array, form: FrameForm): unknown[] {
  const { maxBytes, maxItems, noun, malformed } = form;
  if (bytes.byteLength > maxBytes) throw malformed(`${noun} exceeds ${maxBytes} bytes`);
  if (!hasFewItems(bytes, maxItems)) throw malformed(`${noun} must be at most ${maxItems} items of DAG-CBOR`);
  let items: unknown;
  try {
    items = dagCbor.decode(bytes);
  } catch (error) {
    throw malformed(`${noun} is not DAG-CBOR: ${errorMessage(error)}`);
  }
  if (!Array.isArray(items)) throw malformed(`${noun} must be an array`);
  const [version, ...rest] = items as unknown[];
  if (!Number.isSafeInteger(version) || Number(version) < 0) {
    throw malformed(`${noun} must begin with its version`);
  }
  form.checkVersion(Number(version));
  if (!equalBytes(dagCbor.encode(items), bytes)) throw malformed(`${noun} is not canonical DAG-CBOR`);
  return rest;
}
