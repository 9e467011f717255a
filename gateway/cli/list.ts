import { roundDuration, roundSize } from '../../protocols/common/quantities.ts';
import type { Entry, Page } from '../client/index.ts';
import { type AddCommand, wholeNumber } from './core/command.ts';
import { type Cell, note, say, sayJson, table } from './core/terminal.ts';
import { addKvNamespace, connectKv, type KvOptions, oneLine } from './sessions/kv-remote.ts';
import { addRemoteOptions } from './sessions/remote.ts';

const HELP = `
Keys are in bytewise order, one a line; control characters in them are shown as \\x07. With --json each line is
  {"key","etag","version","size","contentType","expiresAt"}
The list is complete: when a part of it cannot be read it fails instead; it says so when one of two replicas is gone.

Examples:
  $ maillon list
  $ maillon list app/ --long
  $ maillon list app/ --limit 10 --json | jq -r .key`;

interface Options extends KvOptions {
  readonly limit?: number;
  readonly long?: boolean;
}

const DEGRADED_LIST_NOTE =
  'degraded: one replica is gone; what it alone acknowledged may be missing from this list';
const COUNT_MAX = 999_999_999;
const PAGE_MAX = 1000;
const HEADINGS = ['SIZE', 'WRITTEN', 'EXPIRES', 'TYPE', 'KEY'];

export const addList: AddCommand = (program) => {
  const command = program
    .command('list')
    .summary('list keys')
    .description('List the keys of a namespace, or those that begin with a prefix.')
    .argument('[prefix]', 'What the keys begin with; literal.')
    .option('--limit <number>', 'Stop after so many.', wholeNumber(1, COUNT_MAX))
    .option('--long', 'Show size, age, life and type as well.');
  addKvNamespace(addRemoteOptions(command, 'Print each entry as one JSON line.'))
    .addHelpText('after', HELP)
    .action(async (prefix: string | undefined, options: Options) => {
      const { limit: most = Number.POSITIVE_INFINITY, long, json } = options;
      const kv = await connectKv(options);
      const start = prefix === undefined ? {} : { prefix };
      let left = most;
      for (let cursor: string | null | undefined; cursor !== null && left > 0; ) {
        const limit = Math.min(left, PAGE_MAX);
        const page = await kv.list({ ...start, limit, ...(cursor === undefined ? {} : { cursor }) });
        left -= page.entries.length;
        ({ cursor } = page);
        if (page.degraded) note(DEGRADED_LIST_NOTE);
        if (json) for (const entry of page.entries) sayJson(entry);
        else if (long) sayTable(page);
        else for (const { key } of page.entries) say(oneLine(key));
      }
    });
};

/** A table a page: the widths of a page are known, those of all are not. */
function sayTable({ entries, copies: { live, wanted } }: Page): void {
  if (entries.length === 0) return;
  say(renderEntries(entries, Date.now()));
  if (live < wanted)
    note(`under-replicated: ${live} of ${wanted} replicas are live (maillon storage status says what to do)`);
}

export function renderEntries(entries: readonly Entry[], now: number): string {
  const rows = entries.map(({ key, size, version, expiresAt, contentType }): Cell[] => [
    roundSize(size),
    roundDuration(now - version.ms),
    expiresAt === null ? '-' : roundDuration(expiresAt - now),
    contentType === '' ? '-' : contentType,
    oneLine(key),
  ]);
  return table(HEADINGS, rows);
}
