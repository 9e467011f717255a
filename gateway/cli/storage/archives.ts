/** Actions of the commands that move a node's records into files and back. */
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ARCHIVE_BLOCK_MAX_BYTES, decodeOwn, type ImportReport, isCbor } from '../../../node/archives.ts';
import { syncDirectory } from '../../../node/files.ts';
import { CarParser, encodeCarHeader } from '../../../protocols/common/car.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { roundSize } from '../../../protocols/common/quantities.ts';
import { sha256 } from '../../core/digest.ts';
import { UsageError } from '../core/errors.ts';
import { makeNamed, openNamed } from '../core/named-file.ts';
import { harmless, properties, say, sayJson } from '../core/terminal.ts';
import { ask, type OperatorOptions } from './operator.ts';
import { ProgressLine } from './progress.ts';

export interface ExportCommandOptions extends OperatorOptions {
  readonly namespace?: string;
}

const ARCHIVE_TYPE = 'application/vnd.ipld.car';
const FILE_MODE = 0o600;

/** Into a file that has its name once it is whole. */
export async function exportTo(
  path: string,
  { namespace, ...options }: ExportCommandOptions,
  signal: AbortSignal,
): Promise<void> {
  if ((await stat(path).catch(() => null)) !== null) {
    throw new CodedError('exists', `${path} is there already: name another file`);
  }
  const body = JSON.stringify(placeOf(namespace));
  const sent = { path: '/v1/storage/export', body, type: 'application/json', signal };
  const response = await ask(options, sent);
  const temporary = `${path}.${process.pid}.new`;
  try {
    const root = await makeNamed('archive', path, async () => {
      const written = await write(temporary, response);
      await rename(temporary, path);
      return written;
    });
    syncDirectory(dirname(path));
    const { records, blobs, bytes, missing } = root;
    if (options.json) return sayJson({ file: path, records, blobs, bytes, missing });
    const lacks = `${missing} damaged or incomplete here: scrub, and export again`;
    const rest: [string, string][] = missing === 0 ? [] : [['missing', lacks]];
    say(
      properties([
        ['archive', path],
        ['holds', `${records} records, ${blobs} blobs, ${roundSize(bytes)}`],
        ...rest,
      ]),
    );
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Its root, which the header names once all of it is there. */
async function write(path: string, { body }: Response) {
  const line = new ProgressLine();
  const parser = new CarParser({ sha256 }, { blockMaxBytes: ARCHIVE_BLOCK_MAX_BYTES });
  let last: { readonly cid: Uint8Array; readonly bytes: Uint8Array } | null = null;
  let length = 0;
  await using file = await open(path, 'wx', FILE_MODE);
  try {
    for await (const bytes of (body ?? []) as AsyncIterable<Uint8Array>) {
      await file.appendFile(bytes);
      length += bytes.byteLength;
      for (const block of parser.push(bytes)) last = block;
      line.show(`${roundSize(length)} written`);
    }
  } finally {
    line.end();
  }
  const own = last !== null && parser.isBetween && isCbor(last.cid) ? decodeOwn(last.bytes) : null;
  if (last === null || own === null || own.root === null) {
    throw new CodedError('broken_off', 'the node stopped before the archive was whole: nothing is kept');
  }
  await file.write(encodeCarHeader(last.cid), 0, undefined, 0);
  await file.sync();
  return own.root;
}

/** Throws `bad_archive` for one that is not whole, once it was said what was taken. */
export async function importFrom(path: string, options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const { stream, size } = await openNamed('archive', path);
  const line = new ProgressLine();
  let length = 0;
  async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const bytes of stream as AsyncIterable<Uint8Array>) {
      length += bytes.byteLength;
      line.show(`${roundSize(length)}${size === null ? '' : ` of ${roundSize(size)}`}`);
      yield bytes;
    }
  }
  const sent = { path: '/v1/storage/import', body: source(), type: ARCHIVE_TYPE, signal };
  let report: ImportReport;
  try {
    report = (await (await ask(options, sent)).json()) as ImportReport;
  } finally {
    stream.destroy();
    line.end();
  }
  if (options.json) sayJson(report);
  else say(describeImport(report));
  const { fault, refused } = report;
  if (fault !== null) throw new CodedError(fault.code, fault.message);
  if (refused > 0) throw new CodedError('refused', 'some records were refused: the reasons are above');
}

function describeImport({ records, blobs, present, refused, reasons }: ImportReport): string {
  const why = reasons.map(({ code, count, example }): [string, string] => {
    return ['refused', `${count}: ${code} (${harmless(example)})`];
  });
  const taken: [string, string][] = [
    ['taken', `${records} records, ${blobs} blobs`],
    ['there already', `${present}, or something newer`],
  ];
  return properties(refused === 0 ? taken : [...taken, ...why]);
}

/** `name`, or `name@did:…`. */
function placeOf(text: string | undefined): { namespace?: string; owner?: string } {
  if (text === undefined) return {};
  const [, namespace, owner] = /^([a-z0-9-]{1,64})(?:@(did:.{1,250}))?$/.exec(text) ?? [];
  if (namespace === undefined) throw new UsageError(`"${text}" is no namespace: name, or name@did:…`);
  return owner === undefined ? { namespace } : { namespace, owner };
}
