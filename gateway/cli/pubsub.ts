import type { Command } from 'commander';
import type { AddCommand } from './core/command.ts';
import { say, sayJson } from './core/terminal.ts';
import { addPub } from './pub.ts';
import { oneLine } from './sessions/kv-remote.ts';
import { addNamespace, addRemoteOptions, enter, type RemoteOptions } from './sessions/remote.ts';
import { addSub } from './sub.ts';

const HELP = `
Examples:
  $ maillon pubsub subscribe news
  $ maillon pubsub publish news "hello"
  $ maillon pubsub topics --json`;

const TOPICS_HELP = `
Those that are in use at this gateway: published to or subscribed to lately.

Examples:
  $ maillon pubsub topics
  $ maillon pubsub topics --namespace team --json | jq -r '.topics[]'`;

/** The relay under the name that some know it by. */
export const addPubsub: AddCommand = async (program, context) => {
  const pubsub = program
    .command('pubsub')
    .summary('publish, subscribe, topics')
    .description('Publish to topics, subscribe to them, list them.')
    .option('--json', 'Print JSON lines (of each command here).')
    .addHelpText('after', HELP);
  pubsub.hook('preSubcommand', (_pubsub, command) => {
    if (pubsub.opts<{ json?: boolean }>().json) command.setOptionValue('json', true);
  });
  for (const add of [addPub, addSub]) await add(pubsub, context);
  addTopicsTo(pubsub);
};

function addTopicsTo(pubsub: Command): void {
  const command = pubsub
    .command('topics')
    .summary('list topics')
    .description('List the topics of a namespace that are in use at a gateway.');
  addNamespace(addRemoteOptions(command, 'Print one JSON line.'))
    .addHelpText('after', TOPICS_HELP)
    .action(async (options: RemoteOptions) => {
      const { client, namespace } = await enter(options);
      const topics = await client.topics(namespace);
      if (options.json) return sayJson({ topics });
      for (const topic of topics) say(oneLine(topic));
    });
}
