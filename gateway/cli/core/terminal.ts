/** The output of a command: answers on standard output, everything else on standard error. */

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

/** SGR codes that begin and end each style. */
const STYLES = { bold: [1, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], dim: [2, 22] } as const;
export type Style = keyof typeof STYLES;

/** Whether standard output is a terminal that follows commands. */
export function isTerminal(): boolean {
  return process.stdout.isTTY && process.env['TERM'] !== 'dumb';
}

/** Styled on a terminal that wants colour; plain elsewhere. */
export function styled(text: string, style: Style): string {
  if (!isTerminal() || process.env['NO_COLOR']) return text;
  const [on, off] = STYLES[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

export function bold(text: string): string {
  return styled(text, 'bold');
}

/** Text of a table or a list, which is made harmless; or the same with a style. */
export type Cell = string | { readonly text: string; readonly style: Style };

function textOf(cell: Cell): string {
  return harmless(typeof cell === 'string' ? cell : cell.text);
}

/** The style goes around the padding: its codes take no place. */
function show(cell: Cell, width = 0): string {
  const text = textOf(cell).padEnd(width);
  return typeof cell === 'string' ? text : styled(text, cell.style);
}

/** Rows under headings, in columns. The last column is not padded, so that lines have no trailing spaces. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => textOf(row[column] ?? '').length)),
  );
  const line = (row: readonly Cell[]): string =>
    row.map((cell, column) => show(cell, column === row.length - 1 ? 0 : widths[column])).join('  ');
  return [bold(line(headings)), ...rows.map(line)].join('\n');
}

/** `name  value` lines, names aligned. A value may have several parts, each with its style. */
export function properties(pairs: readonly (readonly [string, Cell | readonly Cell[]])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  const indent = `\n${' '.repeat(width + 2)}`;
  return pairs
    .map(([name, value]) => {
      const text = [value].flat().map((part) => show(part));
      return `${bold(name.padEnd(width))}  ${text.join('').replaceAll('\n', indent)}`;
    })
    .join('\n');
}
