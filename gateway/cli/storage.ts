import type { Command } from 'commander';
import { roundDuration, roundSize } from '../../protocols/common/quantities.ts';
import type { Holder, StorageStatus, Where } from '../client/index.ts';
import type { AddCommand } from './core/command.ts';
import { roomOf } from './core/status-view.ts';
import { type Cell, properties, say, sayJson, table } from './core/terminal.ts';
import { addGet } from './get.ts';
import { addList } from './list.ts';
import { shortId } from './peers.ts';
import { addPut } from './put.ts';
import { addKvNamespace, connectKv, type KvOptions, oneLine } from './sessions/kv-remote.ts';
import { addRemoteOptions, connect, type RemoteOptions } from './sessions/remote.ts';
import { addCareTo } from './storage/commands.ts';

const HELP = `
Examples:
  $ maillon storage status
  $ maillon storage where greeting
  $ maillon storage where greeting --json | jq -r '.holders[].id'
  $ maillon storage scrub
  $ maillon storage export all.car`;

const STATUS_HELP = `
"free" is what the node can still take: of what it offers, and of its disk. Blobs are values of more than 64KiB. An upload that nobody goes on with ends after storage.uploadLifeMs. What was deleted or replaced makes room within 10 minutes, or as
soon as that is needed. LEFT is what a namespace may still store here.

A partition that is unsynced does not count for majorities yet: it is being filled from the replicas before it.

Examples:
  $ maillon storage status
  $ maillon storage status --url http://127.0.0.1:8081 --json | jq .availableBytes`;

const WHERE_HELP = `
Replicas count for majorities; a fallback replica holds the share of one that is gone. VERSION is the ETag of what a node
holds, shortened: where they differ, the greatest wins. Ids are shortened to their end; --long shows all whole.

Examples:
  $ maillon storage where greeting
  $ maillon storage where greeting --long
  $ maillon storage where greeting --json | jq '.holders | length'`;

interface WhereOptions extends KvOptions {
  readonly long?: boolean;
}

const HOLDER_HEADINGS = ['NODE', 'ROLE', 'LIVE', 'SYNCED', 'EXPIRES', 'VERSION'];
const NAMESPACE_HEADINGS = ['NAMESPACE', 'KEYS', 'STORED', 'LEFT'];

export const addStorage: AddCommand = async (program, context) => {
  const storage = program
    .command('storage')
    .summary('show and look after what is stored; put, get, list')
    .description(
      'Show what a node stores, and which nodes store a key; look after its store; put, get and list as without "storage".',
    )
    // its own, so that --help --json alone is understood here as well
    .option('--json', 'Print one JSON line (of each command here).')
    .addHelpText('after', HELP);
  storage.hook('preSubcommand', (_storage, command) => {
    if (storage.opts<{ json?: boolean }>().json) command.setOptionValue('json', true);
  });
  addStatusTo(storage);
  addWhereTo(storage);
  addCareTo(storage);
  // the same as without "storage", for who is used to it
  for (const add of [addPut, addGet, addList]) await add(storage, context);
};

function addStatusTo(storage: Command): void {
  const command = storage
    .command('status')
    .summary('show what a node stores')
    .description('Show what a node stores for the swarm, and how much room it has.');
  addRemoteOptions(command, "Print the gateway's own JSON.")
    .addHelpText('after', STATUS_HELP)
    .action(async (options: RemoteOptions) => {
      const status = await (await connect(options)).storage();
      if (options.json) sayJson(status);
      else say(renderStorage(status));
    });
}

function addWhereTo(storage: Command): void {
  const command = storage
    .command('where')
    .summary('show who holds a key')
    .description('Show the replicas and fallback replicas of a key, and what each of them holds.')
    .argument('<key>', 'Key.')
    .option('--long', 'Show ids and ETags whole.');
  addKvNamespace(addRemoteOptions(command, "Print the gateway's own JSON."))
    .addHelpText('after', WHERE_HELP)
    .action(async (key: string, options: WhereOptions) => {
      const where = await (await connectKv(options)).where(key);
      if (options.json) sayJson(where);
      else say(renderWhere(key, where, options));
    });
}

export function renderStorage(status: StorageStatus): string {
  const { bytes, records, blobs, uploads, capacityBytes, freeBytes, members, partitions, namespaces } =
    status;
  const unsynced: Cell = {
    text: String(partitions.unsynced),
    style: partitions.unsynced > 0 ? 'yellow' : 'green',
  };
  const facts = properties([
    ['records', `${records} in ${roundSize(bytes)}`],
    ['blobs', `${blobs.count} in ${roundSize(blobs.bytes)}, with what is being uploaded`],
    ['uploads', `${uploads.count} under way, ${roundSize(uploads.bytes)} of them here`],
    ['room', roomOf(status)],
    ...(capacityBytes > 0 ? [['disk', `${roundSize(freeBytes)} free`] as [string, Cell]] : []),
    ['nodes', `${members} keep records; of yours ${replicasOf(status)}`],
    [
      'partitions',
      [
        `${partitions.replica} as replica, ${partitions.fallback} as fallback, `,
        unsynced,
        ' unsynced, as counted every 20 s',
      ],
    ],
    ...warnings(status),
  ]);
  if (namespaces.length === 0) return facts;
  const rows = namespaces.map(
    ({ owner, namespace, keys, bytes: size, blobBytes, availableBytes }): Cell[] => [
      `${namespace}@${owner}`,
      String(keys),
      roundSize(size + blobBytes),
      roundSize(availableBytes),
    ],
  );
  return `${facts}\n\n${table(NAMESPACE_HEADINGS, rows)}`;
}

function replicasOf({ fellows, isReady, replicas }: StorageStatus): string {
  const live = fellows.filter((one) => one.isLive).length + (isReady ? 1 : 0);
  return `${live} are replicas, ${replicas} wanted`;
}

/** How there come to be more replicas. */
function adviceFor(fellows: StorageStatus['fellows']): string {
  const away = fellows.filter(({ isLive }) => !isLive).map(({ id }) => shortId(id));
  if (away.length === 0) return 'invite a machine (maillon invite, where the owner’s key is)';
  const which =
    away.length === 1
      ? 'is off: start it, or revoke it if it is'
      : 'are off: start them, or revoke them if they are';
  return `${away.join(', ')} ${which} gone for good (maillon revoke)`;
}

/** Warnings for an operator: that a loss would cost data, or that this node does not count yet. */
function warnings({
  capacityBytes,
  isReady,
  partitions,
  replicas,
  fellows,
}: StorageStatus): [string, Cell][] {
  const { underReplicated, leaving } = partitions;
  const lines: [string, string][] = [
    ...(isReady || capacityBytes === 0
      ? []
      : [['joining', 'copies its share; it counts as a replica when it has all of it'] as [string, string]]),
    ...(underReplicated === 0
      ? []
      : [
          [
            'under-replicated',
            `${underReplicated} partitions have fewer than ${replicas} live replicas: ${adviceFor(fellows)}`,
          ] as [string, string],
        ]),
    ...(leaving === 0
      ? []
      : [
          ['leaving', `${leaving} partitions are kept until a successor has all of them`] as [string, string],
        ]),
  ];
  return lines.map(([name, text]) => [name, { text, style: 'yellow' }]);
}

export function renderWhere(
  key: string,
  { partition, holders, wanted, isSponsored }: Where,
  { long }: { long?: boolean },
): string {
  const replicaSet = holders.filter(({ role, isLive }) => role === 'replica' && isLive).length;
  const copies = isSponsored ? `${replicaSet} of ${wanted} replicas` : 'best-effort copies only';
  const head = `${oneLine(key)} is in partition ${partition}: ${copies}`;
  if (holders.length === 0) return `${head}; nobody is known to hold it`;
  const rows = holders.map((holder): Cell[] => [
    long ? holder.id : shortId(holder.id),
    holder.role,
    holder.isLive ? { text: 'yes', style: 'green' } : { text: 'no', style: 'red' },
    syncedCell(holder),
    holder.expiresAt === null ? '-' : roundDuration(holder.expiresAt - Date.now()),
    versionOf(holder, long === true),
  ]);
  return `${head}\n${table(HOLDER_HEADINGS, rows)}`;
}

function syncedCell({ isSynced }: Holder): Cell {
  if (isSynced === null) return { text: '?', style: 'dim' };
  return isSynced ? 'yes' : { text: 'no', style: 'yellow' };
}

/** The version in an ETag and the end of the CID, which tells it from others. */
function versionOf({ etag, isTombstone }: Holder, long: boolean): string {
  if (etag === null) return '-';
  const [ms = '', counter = '', cid = ''] = etag.replaceAll('"', '').split('-');
  const text = long ? etag : `${ms}-${counter}-${shortId(cid)}`;
  return isTombstone ? `${text} (deleted)` : text;
}
