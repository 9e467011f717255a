/**
 * The permutation of Keccak (FIPS 202) as a WebAssembly module, written by the specification's own loops. WebAssembly has
 * the integers of 64 bits that it is made of, and JavaScript has not.
 */

export const LANES = 25;
export const LANE_BYTES = 8;
const ROUNDS = 24;

/** Opcodes. */
const GET = 0x20;
const SET = 0x21;
const TEE = 0x22;
const LOAD = 0x29;
const STORE = 0x37;
const I32_CONST = 0x41;
const I64_CONST = 0x42;
const I32_ADD = 0x6a;
const I32_LESS = 0x49;
const AND = 0x83;
const XOR = 0x85;
const ROTATE = 0x89;
const LOOP = 0x03;
const BRANCH_IF = 0x0d;
const END = 0x0b;
const NO_RESULT = 0x40;
const I32 = 0x7f;
const I64 = 0x7e;
/** All bits, as a signed integer. */
const MINUS_ONE = [I64_CONST, 0x7f];
/** 2^3: a lane is where its size divides the address. */
const ALIGNMENT = 3;

/** Locals: the state, the same with its lanes turned and moved, sums of columns, the round's offset in bytes. */
const STATE = 0;
const MOVED = STATE + LANES;
const SUMS = MOVED + LANES;
const ROUND = SUMS + 5;

/** What is exported. */
const NAMES = { memory: 'm', permute: 'f' } as const;
export interface KeccakExports {
  /** The state, 25 lanes with the least byte first; behind it the constants of the rounds. */
  readonly [NAMES.memory]: { readonly buffer: ArrayBuffer };
  readonly [NAMES.permute]: () => void;
}

/** As much of it as is used here: it is in no library of types that Node has. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

function code(...parts: readonly (number | readonly number[])[]): number[] {
  return parts.flat();
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Whole numbers of WebAssembly: LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >> 7)];
}

/** The same with a sign, of what is not negative. */
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

/** How far each lane is turned (algorithm 2). */
function rotations(): number[] {
  const by = range(LANES).map(() => 0);
  let [x, y] = [1, 0];
  for (let t = 0; t < LANES - 1; t++) {
    by[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return by;
}

/** The constant of each round (algorithms 5 and 6). */
function roundConstants(): bigint[] {
  let register = 1;
  return range(ROUNDS).map(() => {
    let constant = 0n;
    for (let j = 0; j < 7; j++) {
      if ((register & 1) === 1) constant |= 1n << BigInt(2 ** j - 1);
      register = (register << 1) ^ ((register >> 7) * 0x171);
    }
    return constant;
  });
}

/** θ: each lane, and with it the sums of the columns beside it. ρ and π: turned, and moved. */
function mixed(): number[] {
  const by = rotations();
  const sums = range(5).flatMap((x) => {
    const others = range(4).flatMap((y) => [GET, STATE + x + 5 * (y + 1), XOR]);
    return code(GET, STATE + x, others, SET, SUMS + x);
  });
  const lanes = range(LANES).flatMap((i) => {
    const [x, y] = [i % 5, Math.floor(i / 5)];
    const left = [GET, STATE + i, GET, SUMS + ((x + 4) % 5), XOR];
    const right = [GET, SUMS + ((x + 1) % 5), I64_CONST, 1, ROTATE, XOR];
    const turn = code(I64_CONST, signed(by[i] ?? 0), ROTATE);
    return code(left, right, turn, SET, MOVED + y + 5 * ((2 * x + 3 * y) % 5));
  });
  return code(sums, lanes);
}

/** χ: each lane, and with it what the two behind it in its row make. ι: the constant of the round. */
function combined(): number[] {
  const lanes = range(LANES).flatMap((i) => {
    const row = i - (i % 5);
    const [next, second] = [row + ((i + 1) % 5), row + ((i + 2) % 5)];
    const both = code(GET, MOVED + next, MINUS_ONE, XOR, GET, MOVED + second, AND);
    return code(GET, MOVED + i, both, XOR, SET, STATE + i);
  });
  const constant = code(GET, ROUND, LOAD, ALIGNMENT, unsigned(LANES * LANE_BYTES));
  return code(lanes, GET, STATE, constant, XOR, SET, STATE);
}

function permutation(): number[] {
  const zero = [I32_CONST, 0];
  const place = (i: number): number[] => code(ALIGNMENT, unsigned(LANE_BYTES * i));
  const loads = range(LANES).flatMap((i) => code(zero, LOAD, place(i), SET, STATE + i));
  const stores = range(LANES).flatMap((i) => code(zero, GET, STATE + i, STORE, place(i)));
  const advance = code(GET, ROUND, I32_CONST, signed(LANE_BYTES), I32_ADD, TEE, ROUND);
  const again = code(I32_CONST, signed(LANE_BYTES * ROUNDS), I32_LESS, BRANCH_IF, 0);
  const rounds = code(LOOP, NO_RESULT, mixed(), combined(), advance, again, END);
  const locals = [2, ROUND, I64, 1, I32];
  return code(locals, loads, rounds, stores, END);
}

function section(id: number, content: readonly number[]): number[] {
  return code(id, unsigned(content.length), content);
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const head = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const name = (text: string): number[] => code(text.length, Array.from(new TextEncoder().encode(text)));
  const permute = permutation();
  return Uint8Array.from(
    code(
      head,
      // one type: takes nothing, gives nothing; one function of it; one page of memory
      section(1, [1, 0x60, 0, 0]),
      section(3, [1, 0]),
      section(5, [1, 0, 1]),
      section(7, code(2, name(NAMES.memory), 2, 0, name(NAMES.permute), 0, 0)),
      section(10, code(1, unsigned(permute.length), permute)),
    ),
  );
}

/** Compiles it: some milliseconds, once for a thread. */
export function createKeccakModule(): KeccakExports {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()));
  const exports = instance.exports as KeccakExports;
  const view = new DataView(exports[NAMES.memory].buffer);
  for (const [index, constant] of roundConstants().entries()) {
    view.setBigUint64(LANE_BYTES * (LANES + index), constant, true);
  }
  return exports;
}
