import type { Durability } from '../client/index.ts';
import type { AddCommand } from './core/command.ts';
import { say, sayJson } from './core/terminal.ts';
import { describeWritten, durabilityOption } from './put.ts';
import { addKvNamespace, connectKv, type KvOptions } from './sessions/kv-remote.ts';
import { addRemoteOptions, connect } from './sessions/remote.ts';
import { addSigningOptions, type SigningOptions, signsHere } from './signing/options.ts';
import { writeSigned } from './signing/send.ts';

const HELP = `
What is deleted stays deleted: a tombstone takes its place and outlives every older copy. Deleting what is not there does
the same. With --if-match it fails, exit code 1, unless the value is still that one.

Examples:
  $ maillon del greeting
  $ maillon del lock --if-match "$(maillon stat lock --json | jq -r .etag)"
  $ maillon del team/motd --namespace team --key bob --chain bob.chain
  $ maillon list tmp/ --json | jq -r .key | while read -r key; do maillon del "$key"; done`;

interface Options extends KvOptions, SigningOptions {
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
  addSigningOptions(
    addKvNamespace(addRemoteOptions(command, 'Print the receipt as one JSON line.')),
    'Sign it here with this key; otherwise the node of the gateway does.',
  )
    .addHelpText('after', HELP)
    .action(async (key: string, options: Options) => {
      const { durability, ifMatch } = options;
      const write = {
        ...(durability === undefined ? {} : { durability }),
        ...(ifMatch === undefined ? {} : { ifMatch }),
      };
      const written = signsHere(options)
        ? await writeSigned(await connect(options, { isSigned: true }), key, {
            ...options,
            ...write,
            value: null,
          })
        : await (await connectKv(options)).delete(key, write);
      if (options.json) sayJson(written);
      else say(describeWritten('deleted', written));
    });
};
