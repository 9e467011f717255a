import { open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hashLine, LINE_MAX_BYTES, LINE_VERSION, type Link, parseLine } from './line.ts';

/** The file that is written to. Older ones are called after their first line. */
export const CURRENT_FILE = 'audit.log';
const OLDER_FILE = /^audit-(\d{12})\.log$/;
const HEAD_FILE = 'head';
const READ_BYTES = 64 * 1024;
const NEWLINE = 10;

export interface AuditFile {
  readonly path: string;
  /** Number of its first line, as far as its name says. */
  readonly firstSeq: number | null;
}

export function auditDirectory(data: string): string {
  return join(data, 'audit');
}

export function olderFile(directory: string, firstSeq: number): string {
  return join(directory, `audit-${String(firstSeq).padStart(12, '0')}.log`);
}

/** The files of a log, the oldest first. */
export async function listFiles(directory: string): Promise<AuditFile[]> {
  const names = await readdir(directory);
  const older = names.filter((name) => OLDER_FILE.test(name)).toSorted();
  const files = older.map((name) => ({
    path: join(directory, name),
    firstSeq: Number(OLDER_FILE.exec(name)?.[1]),
  }));
  return names.includes(CURRENT_FILE)
    ? [...files, { path: join(directory, CURRENT_FILE), firstSeq: null }]
    : files;
}

const headSchema = z.strictObject({
  v: z.literal(LINE_VERSION),
  seq: z.int().min(0),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Which line was the last: without it nobody could tell that the last ones are gone. Null when there is no such file. */
export async function readHead(directory: string): Promise<Link | 'malformed' | null> {
  let text: string;
  try {
    text = await readFile(join(directory, HEAD_FILE), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { seq, hash } = headSchema.parse(JSON.parse(text));
    return { seq, hash };
  } catch {
    return 'malformed';
  }
}

export async function writeHead(directory: string, { seq, hash }: Link): Promise<void> {
  const path = join(directory, HEAD_FILE);
  const fresh = `${path}.new`;
  await using file = await open(fresh, 'w', 0o600);
  await file.writeFile(`${JSON.stringify({ v: LINE_VERSION, seq, hash })}\n`);
  await file.datasync();
  await rename(fresh, path);
}

/** A line as it stands in a file. */
export interface RawLine {
  readonly number: number;
  readonly bytes: Buffer;
  /** Whether its line break is there. */
  readonly isWhole: boolean;
}

/** The lines of a file. Only the beginning of a line that exceeds the limit is returned. */
export async function* linesOf(path: string): AsyncGenerator<RawLine> {
  await using file = await open(path, 'r');
  let rest = Buffer.alloc(0);
  let number = 1;
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES);
    if (bytesRead === 0) break;
    rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    let start = 0;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, start)) {
      yield { number: number++, bytes: rest.subarray(start, end), isWhole: true };
      start = end + 1;
    }
    // what follows of a line that is too long is dropped: it is wrong anyway
    rest = rest.subarray(start, start + LINE_MAX_BYTES);
  }
  if (rest.byteLength > 0) yield { number, bytes: rest, isWhole: false };
}

/** How a file ends. */
export interface FileEnd {
  /** Number of its first line; null without a well-formed one. */
  readonly firstSeq: number | null;
  /** Its last whole line; null without a well-formed one. */
  readonly last: Link | null;
  /** Bytes up to and with the last line break, and beyond it. */
  readonly wholeBytes: number;
  readonly tornBytes: number;
}

/** Looks at the beginning and the end only: the file may be large. */
export async function readEnd(path: string): Promise<FileEnd> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const head = await readAt(file, 0, LINE_MAX_BYTES);
  const from = Math.max(0, size - 2 * LINE_MAX_BYTES);
  const tail = await readAt(file, from, size - from);
  const first = head.indexOf(NEWLINE);
  const end = tail.lastIndexOf(NEWLINE);
  const begin = end <= 0 ? 0 : tail.lastIndexOf(NEWLINE, end - 1) + 1;
  const bytes = end < 0 ? null : tail.subarray(begin, end);
  const line = bytes === null ? null : parseLine(bytes.toString());
  return {
    firstSeq: first < 0 ? null : (parseLine(head.subarray(0, first).toString())?.seq ?? null),
    last: line === null || bytes === null ? null : { seq: line.seq, hash: hashLine(bytes) },
    wholeBytes: from + end + 1,
    tornBytes: tail.byteLength - end - 1,
  };
}

async function readAt(
  file: { read(buffer: Buffer, offset: number, length: number, at: number): Promise<{ bytesRead: number }> },
  at: number,
  length: number,
): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, at);
  return buffer.subarray(0, bytesRead);
}
