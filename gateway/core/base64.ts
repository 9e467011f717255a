import { GatewayError } from './errors.ts';

/**
 * Strict base64 (RFC 4648 section 4): the standard alphabet, padding, no white space, no stray bits. One byte
 * string has exactly one text form, so what re-encodes differently is refused.
 */
export function decodeBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) {
    throw new GatewayError('bad_base64', 'data_base64 must be base64 as in RFC 4648 section 4, with padding');
  }
  return bytes;
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
