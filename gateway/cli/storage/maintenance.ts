/** Actions of the commands that maintain a node's store. */
import type { CollectReport, ScrubProgress, ScrubReport } from '../../../node/archives.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { roundSize } from '../../../protocols/common/quantities.ts';
import { harmless, properties, say, sayJson } from '../core/terminal.ts';
import { follow } from './follow.ts';
import type { OperatorOptions } from './operator.ts';

export interface ScrubCommandOptions extends OperatorOptions {
  /** Bytes. */
  readonly rate?: number;
}

/** Throws `unrepaired` where something is damaged that nobody could give, once that was said. */
export async function scrub({ rate, ...options }: ScrubCommandOptions, signal: AbortSignal): Promise<void> {
  const body = rate === undefined ? {} : { bytesPerSecond: rate };
  const report = await follow<{ progress: ScrubProgress; report: ScrubReport }>(
    options,
    { path: '/v1/storage/scrub', body, signal },
    ({ bytes, totalBytes, broken }) => {
      return `read ${roundSize(bytes)} of some ${roundSize(totalBytes)}, ${broken} broken`;
    },
  );
  if (options.json) sayJson(report);
  else say(describeScrub(report));
  if (report.unrepaired.length === 0) return;
  const message = 'something is damaged that no other node could give yet: scrub again when they are there';
  throw new CodedError('unrepaired', message);
}

export async function collect(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const sent = { path: '/v1/storage/collect', body: {}, signal };
  const report = await follow<{ progress: never; report: CollectReport }>(options, sent, () => '');
  if (options.json) return sayJson(report);
  const { blobs, blocks, uploads, blockBytes, databaseBytes } = report;
  say(
    properties([
      ['removed', `${blobs} blobs, ${blocks} blocks, ${uploads} uploads`],
      ['given back', `${roundSize(blockBytes)} of blocks, ${roundSize(databaseBytes)} of databases`],
    ]),
  );
}

function describeScrub({ records, blocks, reset, unrepaired }: ScrubReport): string {
  const rest = unrepaired.map((name): [string, string] => ['not repaired', harmless(name)]);
  const put = 'set aside, since it was damaged: what was in it comes back from the other nodes';
  const aside: [string, string][] = reset === null ? [] : [['database', `${put} (${harmless(reset)})`]];
  return properties([
    ['records', describeCounts(records)],
    ['blocks', describeCounts(blocks)],
    ...aside,
    ...rest,
  ]);
}

function describeCounts({ read, bytes, broken, repaired }: ScrubReport['records']): string {
  const found = broken === 0 ? 'none broken' : `${broken} broken, ${repaired} repaired`;
  return `${read} read, ${roundSize(bytes)}, ${found}`;
}
