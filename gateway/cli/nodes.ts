import { Option } from 'commander';
import type { NodeEntry } from '../client/index.ts';
import type { AddCommand } from './core/command.ts';
import { withoutPeerId } from './core/status-view.ts';
import { type Cell, say, sayJson, table } from './core/terminal.ts';
import { ago, shortId } from './peers.ts';
import { addRemoteOptions, connect, type RemoteOptions } from './sessions/remote.ts';

const HELP = `
Nodes announce themselves, signed. REACH says how this node reached one when it dialled back: direct, relayed
(through another node), or "-" for one that it has only heard of.

Examples:
  $ maillon nodes
  $ maillon nodes --reach direct --long
  $ maillon nodes --json | jq -r '.nodes[] | select(.role == "full") | .addresses[]'`;

interface Options extends RemoteOptions {
  readonly reach: 'direct' | 'relayed' | 'any';
  readonly long?: boolean;
}

const HEADINGS = ['NODE', 'ROLE', 'VERSION', 'REACH', 'SEEN', 'ADDRESSES'];

export const addNodes: AddCommand = (program) => {
  const command = program
    .command('nodes')
    .summary("list the swarm's nodes")
    .description("List the swarm's nodes as this one's directory knows them.")
    .addOption(
      new Option('--reach <how>', 'Only nodes that were reached so.')
        .choices(['direct', 'relayed', 'any'])
        .default('any'),
    )
    .option('--long', 'Show ids whole, and every address.');
  addRemoteOptions(command, "Print the gateway's own JSON.")
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const nodes = await (await connect(options)).nodes(options.reach);
      if (options.json) return sayJson({ nodes });
      say(renderNodes(nodes, options));
    });
};

export function renderNodes(nodes: readonly NodeEntry[], { long }: Pick<Options, 'long'>): string {
  if (nodes.length === 0) return 'no nodes';
  const now = Date.now();
  const rows = nodes.flatMap((node) => {
    const addresses = node.addresses.map(withoutPeerId);
    const [first = '-', ...others] = addresses;
    const more = others.length === 0 || long ? '' : ` +${others.length}`;
    const row: Cell[] = [
      long ? node.id : shortId(node.id),
      node.role,
      node.version,
      reachCell(node),
      node.isSelf ? 'now' : ago(now - node.lastSeen),
      first + more,
    ];
    return [row, ...(long ? others.map((address): Cell[] => ['', '', '', '', '', address]) : [])];
  });
  return table(HEADINGS, rows);
}

function reachCell({ isSelf, reach }: NodeEntry): Cell {
  if (isSelf) return 'self';
  if (reach === null) return { text: '-', style: 'dim' };
  return { text: reach, style: reach === 'direct' ? 'green' : 'yellow' };
}
