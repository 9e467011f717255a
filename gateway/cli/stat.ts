import { roundSize } from '../../protocols/common/quantities.ts';
import type { Consistency, ValueHead } from '../client/index.ts';
import type { AddCommand } from './core/command.ts';
import { note, properties, say, sayJson } from './core/terminal.ts';
import {
  addKvNamespace,
  connectKv,
  consistencyOption,
  DEGRADED_NOTE,
  type KvOptions,
  noValue,
  oneLine,
} from './sessions/kv-remote.ts';
import { addRemoteOptions } from './sessions/remote.ts';

const HELP = `
Exit code 1 when there is no value. With --json:
  {"key","etag","id","version","contentType","size","author","time","expiresAt","degraded"}

Examples:
  $ maillon stat greeting
  $ maillon stat greeting --json | jq -r .etag
  $ maillon stat lock >/dev/null 2>&1 || echo "nobody holds it"`;

interface Options extends KvOptions {
  readonly consistency?: Consistency;
}

export const addStat: AddCommand = (program) => {
  const command = program
    .command('stat')
    .summary('show what is known of a value')
    .description(
      'Show what is known of the value under a key, without the value: ETag, size, type, author, life.',
    )
    .argument('<key>', 'Key.')
    .addOption(consistencyOption());
  addKvNamespace(addRemoteOptions(command, 'Print it as one JSON line.'))
    .addHelpText('after', HELP)
    .action(async (key: string, options: Options) => {
      const { consistency } = options;
      const kv = await connectKv(options);
      const head = await kv.head(key, consistency === undefined ? {} : { consistency });
      if (head === null) throw noValue(key);
      if (head.degraded) note(DEGRADED_NOTE);
      if (options.json) sayJson(head);
      else say(renderHead(head));
    });
};

export function renderHead(head: ValueHead): string {
  const { key, etag, id, contentType, size, author, time, expiresAt, degraded } = head;
  return properties([
    ['key', oneLine(key)],
    ['ETag', etag],
    ['record', id],
    ['size', `${roundSize(size)} (${size} bytes)`],
    ['type', contentType],
    ['author', author],
    ['written', new Date(time).toISOString()],
    ['expires', expiresAt === null ? 'never' : new Date(expiresAt).toISOString()],
    ...(degraded ? [['read', { text: 'degraded', style: 'yellow' }] as const] : []),
  ]);
}
