import type { Command } from 'commander';
import { sizeOption } from '../core/command.ts';
import { untilInterrupted } from '../core/watch.ts';
import type { ExportCommandOptions } from './archives.ts';
import type { ScrubCommandOptions } from './maintenance.ts';
import { addOperatorOptions, type OperatorOptions } from './operator.ts';

const SCRUB_HELP = `
Everything that the node keeps is read from its disk and verified; what is broken is fetched from other nodes. It does so by
itself as well, every storage.scrubEveryMs. Exit code 1 when something is damaged that nobody could give yet.

Examples:
  $ maillon storage scrub
  $ maillon storage scrub --rate 200MB --json | jq .records.broken`;

const GC_HELP = `
What no record refers to is removed, and disk that is not used is given back. Both happen by themselves as well, in small steps.

Examples:
  $ maillon storage gc
  $ maillon storage gc --admin http://127.0.0.1:9465 --json | jq .databaseBytes`;

const EXPORT_HELP = `
The archive holds what this node keeps: all of a namespace only where it is home of all of its partitions, as in a swarm of no more nodes
than replicas. It is a CARv1, which IPFS tools read: records as they were signed, and blobs. Values are not encrypted in it.

Examples:
  $ maillon storage export all.car
  $ maillon storage export photos.car --namespace photos@did:key:z6Mk…`;

const IMPORT_HELP = `
Each record is verified as if a stranger had sent it: its signature, its author's right at its own time, its hash. It may be run again. Exit
code 1 when records were refused or the file is not whole; what came before is kept.

Examples:
  $ maillon storage import all.car
  $ maillon storage import all.car --json | jq .reasons`;

/** Less is not taken by the node; no disk has more. */
const RATE_MIN_BYTES = 1024;
const RATE_MAX_BYTES = 2 ** 40;

/** The commands that look after a node's store. Their code is loaded when they are run. */
export function addCareTo(storage: Command): void {
  operator(
    storage,
    'scrub',
    'read and verify all that a node keeps',
    'Read and verify all that a node keeps, and repair it.',
  )
    .option(
      '--rate <size>',
      'Most that it may read each second, such as 200MB.',
      sizeOption(RATE_MIN_BYTES, RATE_MAX_BYTES),
    )
    .addHelpText('after', SCRUB_HELP)
    .action((options: ScrubCommandOptions) =>
      untilInterrupted(async (signal) => (await care()).scrub(options, signal)),
    );
  operator(
    storage,
    'gc',
    'remove what nothing needs',
    'Remove what nothing refers to, and give the disk back.',
  )
    .addHelpText('after', GC_HELP)
    .action((options: OperatorOptions) =>
      untilInterrupted(async (signal) => (await care()).collect(options, signal)),
    );
  addArchivesTo(storage);
}

function addArchivesTo(storage: Command): void {
  operator(storage, 'export', 'write records and blobs into a file', 'Write what a node keeps into a file.')
    .argument('<file>', 'File, which must not be there yet.')
    .option('--namespace <name>', 'Only this one; name@did:… of another owner.')
    .addHelpText('after', EXPORT_HELP)
    .action((file: string, options: ExportCommandOptions) =>
      untilInterrupted(async (signal) => (await archives()).exportTo(file, options, signal)),
    );
  operator(
    storage,
    'import',
    'take records and blobs from a file',
    'Take records and blobs from a file into a node.',
  )
    .argument('<file>', 'Archive.')
    .addHelpText('after', IMPORT_HELP)
    .action((file: string, options: OperatorOptions) =>
      untilInterrupted(async (signal) => (await archives()).importFrom(file, options, signal)),
    );
}

function operator(storage: Command, name: string, summary: string, description: string): Command {
  return addOperatorOptions(storage.command(name).summary(summary).description(description));
}

const care = async () => import('./maintenance.ts');
const archives = async () => import('./archives.ts');
