import { ownBuffer } from '../core/batch.ts';

/** Server frames of RFC 6455, built once and sent to any number of clients: unmasked, unfragmented. */
export const OPCODE = { text: 0x1, binary: 0x2, ping: 0x9, pong: 0xa } as const;

const FIN = 0x80;
const MAX_7_BIT = 125;
const MAX_16_BIT = 0xffff;

export function rawFrame(opcode: number, payload: Uint8Array): Buffer {
  const length = payload.byteLength;
  const headBytes = length <= MAX_7_BIT ? 2 : length <= MAX_16_BIT ? 4 : 10;
  const frame = ownBuffer(headBytes + length);
  frame[0] = FIN | opcode;
  if (headBytes === 2) {
    frame[1] = length;
  } else if (headBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.set(payload, headBytes);
  return frame;
}

export function textFrame(text: string): Buffer {
  return rawFrame(OPCODE.text, Buffer.from(text));
}

export function binaryFrame(bytes: Uint8Array): Buffer {
  return rawFrame(OPCODE.binary, bytes);
}

/** A ping without a payload. */
export const PING_FRAME = rawFrame(OPCODE.ping, new Uint8Array());
