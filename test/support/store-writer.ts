/**
 * Writes records into the store in the directory given, and says of each when it was acknowledged: `node store-writer.ts DIRECTORY
 * FIRST COUNT WRITERS`. Goes on without end when COUNT is 0.
 */
import { writeSync } from 'node:fs';
import { openStore, PLACE, storable } from './store-records.ts';

const [directory = '', ...numbers] = process.argv.slice(2);
const [first = 0, count = 0, writers = 1] = numbers.map(Number);
const store = openStore(directory);
let next = first;
const end = count === 0 ? Infinity : first + count;

async function write(): Promise<void> {
  while (next < end) {
    const key = `key-${next++}`;
    const { status } = await store.put({ place: PLACE, record: storable({ key }), condition: null });
    // at once, and in one system call: what was printed was acknowledged
    if (status === 'stored') writeSync(1, `acknowledged ${key}\n`);
  }
}

await Promise.all(Array.from({ length: writers }, write));
await store.close();
