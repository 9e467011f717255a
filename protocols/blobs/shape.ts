import { varint } from 'multiformats';
import { CID_BYTES } from '../common/block-cid.ts';
import type { Profile } from './constants.ts';

/**
 * The DAG of a blob follows from its size alone: how many leaves, how many nodes over them, what each of them holds and how
 * many bytes it takes. So whoever knows the size knows what has to come, and whatever differs is refused.
 */

/** A subtree: `height` levels of nodes over its leaves, and the bytes of the file under it. */
export interface Subtree {
  readonly height: number;
  readonly size: number;
}

/** Most bytes of the file under a subtree of this height. */
export function capacityOf(height: number, { chunkBytes, linksMax }: Profile): number {
  return chunkBytes * linksMax ** height;
}

/** Levels of nodes over the leaves; 0 where the only leaf is the root. */
export function heightOf(size: number, profile: Profile): number {
  let height = 0;
  while (capacityOf(height, profile) < size) height += 1;
  return height;
}

/** Sizes of what is under a node, in their order: all full but the last. */
export function childrenOf({ height, size }: Subtree, profile: Profile): Subtree[] {
  const full = capacityOf(height - 1, profile);
  const count = Math.ceil(size / full);
  return Array.from({ length: count }, (_, index) => {
    return { height: height - 1, size: Math.min(full, size - index * full) };
  });
}

/** Blocks of a subtree, its root counted. */
export function blockCountOf({ height, size }: Subtree, profile: Profile): number {
  let count = 0;
  for (let level = 0; level <= height; level++) {
    count += Math.max(1, Math.ceil(size / capacityOf(level, profile)));
  }
  return count;
}

/** Bytes of the root block of a subtree. */
export function blockBytesOf(subtree: Subtree, profile: Profile): number {
  if (subtree.height === 0) return subtree.size;
  let data = TYPE_BYTES + 1 + varint.encodingLength(subtree.size);
  let links = 0;
  for (const { child, times } of kindsOfChildren(subtree, profile)) {
    data += times * (1 + varint.encodingLength(child.size));
    const link = HASH_BYTES + NAME_BYTES + 1 + varint.encodingLength(dagBytesOf(child, profile));
    links += times * (1 + varint.encodingLength(link) + link);
  }
  return links + 1 + varint.encodingLength(data) + data;
}

/** Bytes of all blocks of a subtree, counted as often as they are linked: the Tsize of links to it. */
export function dagBytesOf(subtree: Subtree, profile: Profile): number {
  if (subtree.height === 0) return subtree.size;
  let bytes = blockBytesOf(subtree, profile);
  for (const { child, times } of kindsOfChildren(subtree, profile))
    bytes += times * dagBytesOf(child, profile);
  return bytes;
}

/** `08 02`: the UnixFS type "file". */
const TYPE_BYTES = 2;
const HASH_BYTES = 2 + CID_BYTES;
/** `12 00`: every link has an empty name. */
const NAME_BYTES = 2;

/** The children of a node are full ones, and one more that may not be: two kinds, whatever their number. */
function kindsOfChildren(
  { height, size }: Subtree,
  profile: Profile,
): { readonly child: Subtree; readonly times: number }[] {
  const full = capacityOf(height - 1, profile);
  const times = Math.floor(size / full);
  const rest = size - times * full;
  const kinds = [{ child: { height: height - 1, size: full }, times }];
  return rest === 0 ? kinds : [...kinds, { child: { height: height - 1, size: rest }, times: 1 }];
}
