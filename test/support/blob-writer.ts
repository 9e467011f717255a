/**
 * Uploads into the store in the directory given without end, and says of each blob when it was complete and of each upload when it begins:
 * `node blob-writer.ts DIRECTORY`.
 */
import { writeSync } from 'node:fs';
import { cidText, PROFILE } from '../../protocols/blobs/index.ts';
import { NAMESPACE, NEVER, openBlobs, recordReference } from './blob-store.ts';
import { piecesOf } from './blobs.ts';

const [, , directory = ''] = process.argv;
const store = openBlobs(directory);
const chunk = new Uint8Array(PROFILE.chunkBytes);

/** A hundred chunks, each another one. */
async function* source(number: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < 100; index++) yield chunk.fill(index).fill(number, 0, 100);
}

const long = store.begin(NAMESPACE);
writeSync(1, `upload ${long.id}\n`);
const endless = (async () => {
  for (;;) await long.append(source(255), NEVER);
})();
const small = (async () => {
  for (let number = 0; ; number++) {
    const bytes = new Uint8Array(PROFILE.chunkBytes + 100).fill(number);
    const link = await store.begin(NAMESPACE).finish(piecesOf(bytes, 100_000), NEVER);
    store.hold(recordReference(`key-${number}`), link.cid);
    // at once, and in one system call: what was printed is held
    writeSync(1, `held ${cidText(link.cid)} ${link.size}\n`);
  }
})();
await Promise.all([endless, small]);
