/** What the commands that look after a node's store do. */
import { resolve } from 'node:path';
import type {
  BackupProgress,
  BackupReport,
  CollectReport,
  ScrubProgress,
  ScrubReport,
} from '../../../node/archives.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { roundSize } from '../../../protocols/common/quantities.ts';
import { harmless, properties, say, sayJson } from '../terminal.ts';
import { ask, type OperatorOptions } from './operator.ts';
import { ProgressLine } from './progress.ts';

export interface ScrubCommandOptions extends OperatorOptions {
  /** Bytes. */
  readonly rate?: number;
}

export interface BackupCommandOptions extends OperatorOptions {
  readonly key: boolean;
  readonly copy?: boolean;
}

const JSON_TYPE = 'application/json';

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

/** The node writes it: a path is one of its machine. */
export async function backup(
  directory: string,
  { key, copy = false, ...options }: BackupCommandOptions,
  signal: AbortSignal,
): Promise<void> {
  const body = { directory: resolve(directory), isKeyIncluded: key, isCopied: copy };
  const report = await follow<{ progress: BackupProgress; report: BackupReport }>(
    options,
    { path: '/v1/storage/backup', body, signal },
    ({ files, bytes }) => `${files} files, ${roundSize(bytes)}`,
  );
  if (options.json) return sayJson(report);
  const keys =
    report.keys.length > 0
      ? `${report.keys.join(', ')} is in it: whoever has the backup can read it all`
      : 'none: it can be read with the storage.key of the node only, which you keep elsewhere';
  say(
    properties([
      ['backup', harmless(report.directory)],
      ['holds', `${report.files} files, ${roundSize(report.bytes)}`],
      ['keys', keys],
    ]),
  );
}

/** Reads JSON lines up to the last, which is the report. Throws what is told there. */
async function follow<Work extends { readonly progress: unknown; readonly report: unknown }>(
  options: OperatorOptions,
  { path, body, signal }: { readonly path: string; readonly body: object; readonly signal: AbortSignal },
  describe: (progress: Work['progress']) => string,
): Promise<Work['report']> {
  const response = await ask(options, { path, body: JSON.stringify(body), type: JSON_TYPE, signal });
  const line = new ProgressLine();
  try {
    for await (const text of linesOf(response)) {
      const said = JSON.parse(text) as {
        progress?: Work['progress'];
        done?: Work['report'];
        code?: string;
        error?: string;
      };
      if (said.done !== undefined) return said.done;
      if (said.code !== undefined) throw new CodedError(said.code, said.error ?? said.code);
      if (said.progress !== undefined) line.show(describe(said.progress));
    }
  } finally {
    line.end();
  }
  throw new CodedError('broken_off', 'the node stopped before it was done');
}

async function* linesOf({ body }: Response): AsyncGenerator<string, void, undefined> {
  let rest = '';
  for await (const text of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function describeScrub({ records, blocks, reset, unrepaired }: ScrubReport): string {
  const rest = unrepaired.map((name): [string, string] => ['not repaired', harmless(name)]);
  const put = 'put aside, since it was damaged: what was in it comes back from the other nodes';
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
