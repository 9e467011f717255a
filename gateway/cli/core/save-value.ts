/** A value into a file: all of it or, until then, what came of it beside the file. */
import { createReadStream } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import { BlobBuilder, chunksOf, cidText } from '../../../protocols/blobs/index.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import type { Kv, OpenOptions, OpenValue, ValueHead } from '../../client/index.ts';
import { sha256 } from '../../core/digest.ts';
import { Progress } from './progress.ts';

export interface SaveOptions {
  readonly output: string;
  readonly reading: Pick<OpenOptions, 'consistency'>;
}

/** The saved value; null where there is no value. Throws `ClientError`, and what the file system says. */
export async function saveValue(
  kv: Kv,
  key: string,
  { output, reading }: SaveOptions,
): Promise<OpenValue | null> {
  const head = await kv.head(key, reading);
  if (head === null) return null;
  const place = await placeOf(output, head);
  const left = place.isReplaced ? await sizeOf(place.path, head) : 0;
  const value = await fetchInto(place, left, async (start) =>
    kv.open(key, { ...reading, start, ifMatch: head.etag }),
  );
  if (value !== null && place.isReplaced) await rename(place.path, output);
  return value;
}

/** From `start` on; all of it where what was there before turns out to be no part of it. */
async function fetchInto(
  place: Place,
  start: number,
  openAt: (start: number) => Promise<OpenValue | null>,
): Promise<OpenValue | null> {
  const value = await openAt(start);
  if (value === null) return null;
  const file = await open(place.path, start > 0 ? 'a' : 'w');
  try {
    await write(value, start, (bytes) => file.writeFile(bytes));
    if (place.isReplaced) await file.sync();
  } finally {
    await file.close();
  }
  // a machine that went down may have left anything
  if (start === 0 || (await cidOfFile(place.path)) === value.blob) return value;
  return fetchInto(place, 0, openAt);
}

async function cidOfFile(path: string): Promise<string> {
  const builder = new BlobBuilder({ crypto: { sha256 } });
  for await (const chunk of chunksOf(createReadStream(path))) builder.add(chunk);
  return cidText(builder.finish().link.cid);
}

interface Place {
  readonly path: string;
  /** It takes the place of the file once it is whole. */
  readonly isReplaced: boolean;
}

/** A target that is no file, like a pipe or a device, is written to directly. */
async function placeOf(output: string, { id }: ValueHead): Promise<Place> {
  const there = await stat(output).catch(() => null);
  if (there?.isDirectory() === true) {
    throw new CodedError('bad_usage', `${output} is a directory: name a file in it`);
  }
  if (there !== null && !there.isFile()) return { path: output, isReplaced: false };
  // of another version nothing may be mixed in
  return { path: `${output}.${id.slice(-12)}.part`, isReplaced: true };
}

/** Bytes of the value that an earlier run left. */
async function sizeOf(path: string, { size, blob }: ValueHead): Promise<number> {
  const there = await stat(path).catch(() => null);
  // a part that begins at the end cannot be asked for
  return there === null || blob === null || there.size >= size ? 0 : there.size;
}

async function write(
  value: OpenValue,
  start: number,
  take: (bytes: Uint8Array) => Promise<unknown>,
): Promise<void> {
  const progress = new Progress({ verb: 'got', size: value.size });
  const reader = value.stream().getReader();
  let bytes = start;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      await take(next.value);
      bytes += next.value.byteLength;
      progress.report(bytes);
    }
  } finally {
    progress.end();
    await reader.cancel().catch(() => undefined);
  }
}
