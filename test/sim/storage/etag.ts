/** The order of versions by storage/SPEC.md alone: nothing of the code under test is in here. */

const ETAG = /^"(\d+)-(\d+)-b([a-z2-7]+)"$/;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

interface Parsed {
  readonly ms: number;
  readonly counter: number;
  readonly cid: string;
}

/** Below 0 where `a` is the older one. */
export function compareEtags(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)];
  return left.ms - right.ms || left.counter - right.counter || compareCids(left.cid, right.cid);
}

function parse(etag: string): Parsed {
  const [, ms, counter, cid] = ETAG.exec(etag) ?? [];
  if (cid === undefined) throw new Error(`no entity tag: ${etag}`);
  return { ms: Number(ms), counter: Number(counter), cid };
}

/** Five bits a character, so the order of bytes is that of the alphabet; the CIDs' heads are the same. */
function compareCids(a: string, b: string): number {
  for (let i = 0; i < a.length; i++) {
    const difference = BASE32.indexOf(a[i] ?? '') - BASE32.indexOf(b[i] ?? '');
    if (difference !== 0) return difference;
  }
  return 0;
}
