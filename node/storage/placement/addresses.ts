import type { Multiaddr } from '@multiformats/multiaddr';
import type { Directory } from '../../directory/directory.ts';

/** Where a node may be dialled. */
export function addressesOf(directory: Directory, id: string): Multiaddr[] {
  const entry = directory.entryOf(id);
  if (entry === undefined) return [];
  const { reachedAt, addresses } = entry;
  // where it was reached comes first
  const rest = addresses.filter(({ text }) => text !== reachedAt?.text);
  return [...(reachedAt === null ? [] : [reachedAt]), ...rest].map(({ target }) => target);
}
