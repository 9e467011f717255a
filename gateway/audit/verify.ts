import { linesOf, listFiles, type RawLine, readHead } from './files.ts';
import { hashLine, type Link, NO_LINE, parseLine } from './line.ts';

/** In a file of nonsense every line is wrong. */
const PROBLEMS_MAX = 100;

/** A problem and its location. */
export interface Problem {
  readonly file: string;
  /** Number of the line in its file; 0 for the file itself. */
  readonly line: number;
  readonly what: string;
}

export interface Verified {
  readonly files: number;
  readonly lines: number;
  readonly first: number | null;
  readonly last: Link | null;
  readonly problems: readonly Problem[];
}

/** Checks a whole log: its files in their order, and that it ends where its head says. Throws what the file system says. */
export async function verifyLog(directory: string): Promise<Verified> {
  const files = await listFiles(directory);
  const chain = new Chain();
  for (const { path } of files) await chain.readFile(path);
  chain.checkBeginning(files[0]?.path ?? directory);
  chain.checkEnd(files.at(-1)?.path ?? directory, await readHead(directory));
  return { files: files.length, ...chain.result() };
}

/** Checks one file by itself: what was before its first line and after its last one cannot be known. */
export async function verifyFile(path: string): Promise<Verified> {
  const chain = new Chain();
  await chain.readFile(path);
  return { files: 1, ...chain.result() };
}

/** Goes along the lines, and after each fault on from what it found. */
class Chain {
  readonly #problems: Problem[] = [];
  #lines = 0;
  #first: Link | null = null;
  /** Hash of what stood before the first line. */
  #origin: string | null = null;
  /** The line before, and where it stands. */
  #before: (Link & { readonly file: string; readonly line: number }) | null = null;
  /** Hashes by line, so that the head can name one that is not the last. */
  #hashes = new Map<number, string>();
  #prunedThrough = 0;

  result(): Omit<Verified, 'files'> {
    const last = this.#before === null ? null : { seq: this.#before.seq, hash: this.#before.hash };
    const problems = this.#problems.slice(0, PROBLEMS_MAX);
    return { lines: this.#lines, first: this.#first?.seq ?? null, last, problems };
  }

  async readFile(path: string): Promise<void> {
    for await (const line of linesOf(path)) this.#take(path, line);
  }

  /** A log begins with line 1, or where it says itself that older files were let go. */
  checkBeginning(file: string): void {
    const seq = this.#first?.seq ?? 1;
    if (seq === 1 && this.#origin !== null && this.#origin !== NO_LINE) {
      this.#report(file, 1, 'line 1 names a line before it: it was changed');
    }
    if (seq > 1 && this.#prunedThrough !== seq - 1) {
      this.#report(file, 1, `${missing(1, seq - 1)} at the beginning`);
    }
  }

  checkEnd(file: string, head: Link | 'malformed' | null): void {
    const last = this.#before;
    const line = last?.line ?? 0;
    if (head === null) {
      if (last !== null) this.#report(file, line, 'there is no head: lines after this one may be missing');
    } else if (head === 'malformed') {
      this.#report(file, line, 'the head is malformed: lines after this one may be missing');
    } else if (head.seq > (last?.seq ?? 0)) {
      this.#report(file, line, `${missing((last?.seq ?? 0) + 1, head.seq)} at the end`);
    } else if (head.seq > 0 && this.#hashes.get(head.seq) !== head.hash) {
      this.#report(file, line, `line ${head.seq} of the log was changed: the head has another hash of it`);
    }
  }

  #take(file: string, { number, bytes, isWhole }: RawLine): void {
    this.#lines += 1;
    const line = parseLine(bytes.toString());
    if (!isWhole) this.#report(file, number, 'the line is cut off');
    if (line === null) {
      if (isWhole) this.#report(file, number, 'it is no line of an audit log: it was changed or put there');
      return;
    }
    const { seq, prev } = line;
    const before = this.#before;
    const expected = (before?.seq ?? seq - 1) + 1;
    if (seq > expected) {
      this.#report(file, number, `${missing(expected, seq - 1)} before it`);
    } else if (seq < expected) {
      this.#report(
        file,
        number,
        `line ${seq} of the log stands where ${expected} belongs: one was put there`,
      );
    } else if (before !== null && prev !== before.hash) {
      this.#report(
        before.file,
        before.line,
        `line ${before.seq} of the log was changed, or the one after it`,
      );
    }
    const hash = hashLine(bytes);
    this.#first ??= { seq, hash };
    this.#origin ??= prev;
    this.#before = { seq, hash, file, line: number };
    this.#remember(seq, hash);
    if (line.event === 'audit.pruned') this.#prunedThrough = Number(line.detail?.['through'] ?? 0);
  }

  /** The head is behind by what was written when the process died: a few lines. */
  #remember(seq: number, hash: string): void {
    this.#hashes.set(seq, hash);
    const oldest = this.#hashes.keys().next().value;
    if (this.#hashes.size > HASHES_MAX && oldest !== undefined) this.#hashes.delete(oldest);
  }

  #report(file: string, line: number, what: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push({ file, line, what });
  }
}

/** One batch of lines, and room. */
const HASHES_MAX = 1_024;

function missing(from: number, to: number): string {
  return from === to ? `line ${from} of the log is missing` : `lines ${from} to ${to} of the log are missing`;
}
