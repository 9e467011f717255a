/** Adds ids to the file in the directory given, one line per id once `add` has returned, until it is killed. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { SeenIdsFile } from '../../node/relay/seen-ids.ts';
import { DEDUP_WINDOW_MS } from '../../protocols/relay/index.ts';
import { silentLogger } from './silent-logger.ts';

const [directory = ''] = process.argv.slice(2);
const seen = new SeenIdsFile(
  { clock: { now: () => Date.now() }, logger: silentLogger() },
  { directory, windowMs: DEDUP_WINDOW_MS, max: 1_000_000 },
);
/** So many that the test has killed it long before; should it not, it ends. */
const IDS_MAX = 500_000;
for (let i = 0; i < IDS_MAX; i++) {
  seen.add(createHash('sha256').update(String(i)).digest());
  if (!process.stdout.write(`${i}\n`)) await once(process.stdout, 'drain');
}
