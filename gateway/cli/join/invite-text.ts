import { createInterface } from 'node:readline/promises';
import { INVITE_TEXT_MAX_LENGTH } from '../../../protocols/join/index.ts';
import { UsageError } from '../core/errors.ts';
import { readBounded } from '../core/input.ts';
import { openNamed } from '../core/named-file.ts';
import { note } from '../core/terminal.ts';
import type { JoinOptions } from './options.ts';

const STANDARD_INPUT = '-';

/** The invite that the options name; null where they name none. */
export async function readInviteText({ join, joinFile }: JoinOptions): Promise<string | null> {
  if (join === undefined) {
    return joinFile ? read((await openNamed('--join-file', joinFile)).stream) : null;
  }
  if (join !== STANDARD_INPUT) return join.trim();
  if (!process.stdin.isTTY) return read(process.stdin);
  note('Paste the invite and press Enter:');
  const lines = createInterface({ input: process.stdin });
  try {
    // one line: the question whether to join is answered on the next
    for await (const line of lines) return line.trim();
  } finally {
    lines.close();
  }
  throw new UsageError('no invite was given on standard input');
}

async function read(stream: AsyncIterable<Buffer>): Promise<string> {
  // a line end and what editors leave behind it
  const bytes = await readBounded(stream, { what: 'an invite', maxBytes: INVITE_TEXT_MAX_LENGTH + 16 });
  const text = bytes.toString('latin1').trim();
  if (text === '') throw new UsageError('there is no invite on standard input or in the file');
  return text;
}
