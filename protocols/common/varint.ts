import { varint } from 'multiformats';

/** An unsigned varint (https://github.com/multiformats/unsigned-varint). */
export function encodeVarint(value: number): Uint8Array {
  return varint.encodeTo(value, new Uint8Array(varint.encodingLength(value)));
}
