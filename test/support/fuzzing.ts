/** Helpers of the decoders' fuzz tests: properties tried with kept seeds, and bytes changed in places. */
import fc from 'fast-check';

/** Tries properties with each kept seed, a quarter of the runs each, and with a fresh one. */
export function checkWith(
  seeds: readonly number[],
): <T>(property: fc.IPropertyWithHooks<T>, numRuns: number) => void {
  return (property, numRuns) => {
    for (const seed of seeds) fc.assert(property, { seed, numRuns: Math.ceil(numRuns / 4) });
    fc.assert(property, { numRuns });
  };
}

const mutation = fc.record({
  at: fc.nat(),
  byte: fc.nat(255),
  kind: fc.constantFrom('set', 'insert', 'remove', 'repeat', 'cut'),
});
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutated(bytes: Buffer, { at, byte, kind }: Mutation): Buffer {
  const place = at % (bytes.byteLength + 1);
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
  if (kind === 'insert') return Buffer.concat([before, Buffer.of(byte), after]);
  if (kind === 'remove') return Buffer.concat([before, after.subarray(1)]);
  if (kind === 'repeat') return Buffer.concat([before, after.subarray(0, byte), after]);
  if (kind === 'cut') return before;
  return Buffer.concat([before, Buffer.of(byte), after.subarray(1)]);
}

/** `holds` of each of `samples` with one to four changes. */
export function changedBytes(
  samples: readonly Buffer[],
  holds: (bytes: Uint8Array) => void,
): fc.IPropertyWithHooks<[Buffer, Mutation[]]> {
  const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });
  return fc.property(fc.constantFrom(...samples), mutations, (bytes, steps) => {
    let one = bytes;
    for (const step of steps) one = mutated(one, step);
    holds(one);
  });
}
