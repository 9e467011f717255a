/** Verifications on their way to a thread: packed, because a structured clone of many small arrays costs more than they do. */

/** The order is that of the bytes that stand for them. */
const KINDS = ['eip191', 'bip322', 'secp256k1'] as const;
export type JobKind = (typeof KINDS)[number];

export interface Job {
  readonly kind: JobKind;
  /** Address of an account, UTF-8 of an address text, or public key. */
  readonly signer: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** Outcome of a job: a byte of the answer. Any other byte is not an answer. */
export const INVALID = 0;
export const VALID = 1;

/** The code that computes on the curve: the native addon, or JavaScript where it does not load. */
export type Implementation = 'native' | 'portable';

export interface Answer {
  /** One byte for each verification of the batch. */
  readonly outcomes: Uint8Array;
  readonly implementation: Implementation;
}

/** Kind, then the three lengths. */
const HEAD_BYTES = 1 + 3 * 4;

/** A copy: the caller may do with its arrays what it likes. */
export function encodeJob({ kind, signer, message, signature }: Job): Uint8Array {
  const parts = [signer, message, signature];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, HEAD_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, KINDS.indexOf(kind));
  let offset = HEAD_BYTES;
  for (const [index, part] of parts.entries()) {
    view.setUint32(1 + 4 * index, part.byteLength);
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

/** The verifications of a batch, which is their encodings one after another. Views, no copies. */
export function decodeBatch(batch: Uint8Array): Job[] {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const jobs: Job[] = [];
  let offset = 0;
  while (offset < batch.byteLength) {
    const kind = KINDS[view.getUint8(offset)];
    if (kind === undefined) throw new Error('a verification of unknown kind');
    const head = offset;
    offset += HEAD_BYTES;
    const take = (index: number): Uint8Array => {
      const end = offset + view.getUint32(head + 1 + 4 * index);
      const part = batch.subarray(offset, end);
      offset = end;
      return part;
    };
    jobs.push({ kind, signer: take(0), message: take(1), signature: take(2) });
  }
  return jobs;
}
