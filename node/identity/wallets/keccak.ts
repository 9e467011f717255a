import { createKeccakModule, LANE_BYTES, LANES } from './keccak-module.ts';

/** Keccak-256, with the padding that Ethereum's has and SHA-3's has not. */
export type Keccak256 = (message: Uint8Array) => Uint8Array;

const STATE_BYTES = LANES * LANE_BYTES;
const DIGEST_BYTES = 32;
const RATE_BYTES = STATE_BYTES - 2 * DIGEST_BYTES;
const FIRST_PADDING = 0x01;
const LAST_PADDING = 0x80;

/**
 * Keccak-256 by WebAssembly, which Node has wherever it runs TypeScript: some eight times as fast as JavaScript, of which the
 * message and the key's hash took a quarter of a verification.
 */
export function createKeccak256(): Keccak256 {
  const { m: memory, f: permute } = createKeccakModule();
  const state = new Uint8Array(memory.buffer, 0, STATE_BYTES);
  const mix = (at: number, byte: number): void => {
    state[at] = (state[at] ?? 0) ^ byte;
  };
  return (message) => {
    state.fill(0);
    let at = 0;
    for (let i = 0; i < message.byteLength; i++) {
      mix(at, message[i] ?? 0);
      at += 1;
      if (at < RATE_BYTES) continue;
      permute();
      at = 0;
    }
    mix(at, FIRST_PADDING);
    mix(RATE_BYTES - 1, LAST_PADDING);
    permute();
    return state.slice(0, DIGEST_BYTES);
  };
}
