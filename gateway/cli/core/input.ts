import { fstatSync, readFileSync } from 'node:fs';
import { CodedError } from '../../../protocols/common/errors.ts';
import { formatSize } from '../../../protocols/common/quantities.ts';

/** All of a stream. Does not read on when it is too large already: a file may have no end. Throws `too_large`. */
export async function readBounded(
  stream: AsyncIterable<Buffer>,
  { what, maxBytes }: { readonly what: string; readonly maxBytes: number },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length > maxBytes) {
      throw new CodedError('too_large', `${what} may have ${formatSize(maxBytes)}, this one has more`);
    }
  }
  return Buffer.concat(chunks, length);
}

const STANDARD_INPUT = 0;

/** Bytes that are left of standard input where it is a file; null where nobody knows, as of a pipe. */
export function sizeOfStandardInput(): number | null {
  try {
    const stat = fstatSync(STANDARD_INPUT);
    if (!stat.isFile()) return null;
    // a shell may have read a part of it already; only Linux says so
    const position = /^pos:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${STANDARD_INPUT}`, 'utf8'));
    return position === null ? null : Math.max(0, stat.size - Number(position[1])) || null;
  } catch {
    return null;
  }
}
