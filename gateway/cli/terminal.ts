/** What a command says: answers on standard output, everything else on standard error. */

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function sayJson(value: unknown): void {
  say(JSON.stringify(value));
}

export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Everything a terminal could take for a command, except line breaks and tabs. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Text from others, made safe to show on a terminal: it must not move the cursor or set the clipboard. */
export function harmless(text: string): string {
  return text.replaceAll(CONTROL, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

const BOLD = ['\u001b[1m', '\u001b[22m'] as const;

/** Bold on a terminal that wants colour; plain elsewhere. */
export function bold(text: string): string {
  const wanted = process.stdout.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
  return wanted ? BOLD[0] + text + BOLD[1] : text;
}

/** Rows under headings, in columns. The last column is not padded, so that lines have no trailing spaces. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [headings, ...rows].map((row) => row.map((cell) => harmless(cell)));
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ');
  return cells.map((row, index) => (index === 0 ? bold(line(row)) : line(row))).join('\n');
}

/** `name  value` lines, names aligned. */
export function properties(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  const indent = `\n${' '.repeat(width + 2)}`;
  return pairs
    .map(([name, value]) => `${bold(name.padEnd(width))}  ${harmless(value).replaceAll('\n', indent)}`)
    .join('\n');
}

/** `3 s`, `5 min`, `2 h`, `4 d`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
