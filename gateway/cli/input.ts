import { CodedError } from '../../protocols/common/errors.ts';

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
      throw new CodedError('too_large', `${what} may have ${maxBytes} bytes, this one has more`);
    }
  }
  return Buffer.concat(chunks, length);
}
