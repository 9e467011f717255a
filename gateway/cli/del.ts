import type { Durability } from '../client/index.ts';
import type { AddCommand } from './command.ts';
import { addKvNamespace, connectKv, type KvOptions } from './kv-remote.ts';
import { describeWritten, durabilityOption } from './put.ts';
import { addRemoteOptions } from './remote.ts';
import { say, sayJson } from './terminal.ts';

const HELP = `
What is deleted stays deleted: a tombstone takes its place and outlives every older copy. Deleting what is not there does
the same. With --if-match it fails, exit code 1, unless the value is still that one.

Examples:
  $ maillon del greeting
  $ maillon del lock --if-match "$(maillon stat lock --json | jq -r .etag)"
  $ maillon list tmp/ --json | jq -r .key | while read -r key; do maillon del "$key"; done`;

interface Options extends KvOptions {
  readonly ifMatch?: string;
  readonly durability?: Durability;
}

export const addDel: AddCommand = (program) => {
  const command = program
    .command('del')
    .summary('delete the value under a key')
    .description('Delete the value under a key through a gateway.')
    .argument('<key>', 'Key.')
    .option('--if-match <etag>', 'Only when the value has this ETag; * for any value.')
    .addOption(durabilityOption());
  addKvNamespace(addRemoteOptions(command, 'Print the receipt as one JSON line.'))
    .addHelpText('after', HELP)
    .action(async (key: string, options: Options) => {
      const { durability, ifMatch } = options;
      const written = await connectKv(options).delete(key, {
        ...(durability === undefined ? {} : { durability }),
        ...(ifMatch === undefined ? {} : { ifMatch }),
      });
      if (options.json) sayJson(written);
      else say(describeWritten('deleted', written));
    });
};
