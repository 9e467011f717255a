import { roundSize } from '../../protocols/common/quantities.ts';
import type { WalletUsageReport } from '../auth/wallet-promises.ts';
import type { AddCommand } from './core/command.ts';
import { type Cell, properties, say, sayJson, table } from './core/terminal.ts';
import { addOperatorOptions, ask, type OperatorOptions } from './storage/operator.ts';

const HELP = `
A gateway's operator promises each wallet that signs in and stores something so much room (wallets.bytesEach), as long
as all of them fit (wallets.bytesTotal); what one is promised no other can take. BYTES is what a wallet takes of this node,
records and files together. A dash stands for a wallet that another gateway of this operator knows.

A machine that was invited can promise nothing in its operator's name: what wallets that sign in by message store there is kept for a day at
most. Let them sign in at a gateway of the machine that holds the owner's key.

--end ends the promise to a wallet. Its values stay until they expire or are deleted.

Examples:
  $ maillon usage
  $ maillon usage --json | jq -r '.wallets[] | [.wallet, .bytes] | @tsv'
  $ maillon usage --end did:pkh:eip155:1:0x…`;

interface Options extends OperatorOptions {
  readonly end?: string;
}

const HEADINGS = ['WALLET', 'PROMISED', 'NAMESPACES', 'KEYS', 'BYTES'];
const JSON_TYPE = 'application/json';
const TIMEOUT_MS = 30_000;

export const addUsage: AddCommand = (program) => {
  const command = program
    .command('usage')
    .summary('what wallets are promised, and take')
    .description('Show what wallets that signed in are promised, and what they take of this node.')
    .option('--end <did>', 'End the promise to this wallet.');
  addOperatorOptions(command)
    .addHelpText('after', HELP)
    .action(async (options: Options) =>
      options.end === undefined ? show(options) : end(options, options.end),
    );
};

async function show(options: Options): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await ask(options, { path: '/v1/wallets', type: JSON_TYPE, signal });
  const report = (await response.json()) as WalletUsageReport;
  if (options.json) sayJson(report);
  else say(describeUsage(report));
}

async function end(options: Options, wallet: string): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const body = JSON.stringify({ wallet });
  const response = await ask(options, { path: '/v1/wallets/end', body, type: JSON_TYPE, signal });
  if (options.json) sayJson(await response.json());
  else say(`${wallet} is promised nothing more; its values stay until they expire or are deleted`);
}

export function describeUsage(report: WalletUsageReport): string {
  const { promise, bytesEach, bytesTotal, walletsMax, promised, bytes, wallets } = report;
  const summary = properties([
    ['promise', promise === 'durable' ? 'durable' : 'a day at most, for those that sign in by message'],
    ['each', roundSize(bytesEach)],
    ['together', `${roundSize(bytesTotal)}: ${walletsMax} wallets`],
    ['promised', `${promised} wallets`],
    ['taken', roundSize(bytes)],
  ]);
  if (wallets.length === 0) return summary;
  const rows = wallets.map(({ wallet, since, namespaces, keys, bytes: taken }): Cell[] => [
    wallet ?? '-',
    since === null ? { text: 'nothing', style: 'yellow' } : new Date(since).toISOString().slice(0, 10),
    `${namespaces}`,
    `${keys}`,
    roundSize(taken),
  ]);
  return `${summary}\n\n${table(HEADINGS, rows)}`;
}
