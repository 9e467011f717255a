/** CAR, version 1 (https://ipld.io/specs/transport/car/carv1/): a header that names the roots, and blocks behind their CIDs. */
import * as dagCbor from '@ipld/dag-cbor';
import { CID } from 'multiformats/cid';

export interface CarBlock {
  readonly cid: Uint8Array;
  readonly bytes: Uint8Array;
}

/** In pieces, each as long as a block at most. */
export async function* encodeCar(
  root: Uint8Array,
  blocks: AsyncIterable<CarBlock>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield section(dagCbor.encode({ version: 1, roots: [CID.decode(root)] }));
  for await (const { cid, bytes } of blocks) {
    yield section(cid, bytes);
  }
}

function section(head: Uint8Array, body: Uint8Array = new Uint8Array()): Uint8Array {
  return Buffer.concat([lengthOf(head.byteLength + body.byteLength), head, body]);
}

/** An unsigned varint. */
function lengthOf(length: number): Uint8Array {
  const bytes: number[] = [];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return Uint8Array.from([...bytes, rest]);
}
