/** Reads a Dockerfile as far as ours goes: no heredocs, no escapes but the line's. */
import { readFileSync } from 'node:fs';

export interface Instruction {
  readonly name: string;
  /** Options such as `--from=install`, without the dashes. */
  readonly options: Readonly<Record<string, string>>;
  /** Words of a list or of the shell form. */
  readonly words: readonly string[];
  /** As written, without options. */
  readonly text: string;
}

export interface Stage {
  /** Image it begins with, variables put in. */
  readonly image: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

export function readDockerfile(path: string): Stage[] {
  const args = new Map<string, string>();
  const stages: { image: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const instruction of parse(readFileSync(path, 'utf8'))) {
    if (instruction.name === 'FROM') {
      const [image = '', , name] = instruction.words;
      stages.push({
        image: image.replace(/\$\{(\w+)\}/g, (_, arg: string) => args.get(arg) ?? ''),
        name,
        instructions: [],
      });
    } else if (stages.length === 0) {
      const [arg = '', value = ''] = instruction.text.split('=', 2);
      args.set(arg, value);
    } else stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

function parse(text: string): Instruction[] {
  return text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(parseLine);
}

/** Only before the rest: later ones belong to the command. */
const OPTION = /^--([\w-]+)=(\S+)\s+/;

function parseLine(line: string): Instruction {
  const [, name = '', tail = ''] = /^\s*(\w+)\s+(.*?)\s*$/.exec(line) ?? [];
  const options: Record<string, string> = {};
  let text = tail;
  for (let found = OPTION.exec(text); found !== null; found = OPTION.exec(text)) {
    const [whole, key = '', value = ''] = found;
    options[key] = value;
    text = text.slice(whole.length);
  }
  return { name: name.toUpperCase(), options, words: wordsOf(text), text };
}

/** A list of texts in JSON (HEALTHCHECK has CMD before it), or words. */
function wordsOf(text: string): string[] {
  const list = text.replace(/^CMD\s+/, '');
  return list.startsWith('[') ? (JSON.parse(list) as string[]) : text.split(/\s+/);
}

/** `A=1 B="2 3"` of ENV and LABEL. */
export function assignments({ text }: Instruction): [string, string][] {
  const found = text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S*))/g);
  return [...found].map(([, name = '', quoted, bare]) => [name, quoted ?? bare ?? '']);
}

/** Every instruction with this name. */
export function all(stage: Stage | undefined, name: string): Instruction[] {
  return stage?.instructions.filter((instruction) => instruction.name === name) ?? [];
}

/** Whether `.dockerignore` (lines such as `*`, `name` and `!name`) keeps `path` out; the last line that fits decides. */
export function isIgnored(ignoreFile: string, path: string): boolean {
  const lines = ignoreFile.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.reduce((isOut, line) => {
    const pattern = line.replace(/^!/, '');
    if (!/^(\*|[\w./-]+)$/.test(pattern)) throw new Error(`the test does not understand ${line}`);
    const fits = pattern === '*' || path === pattern || path.startsWith(`${pattern}/`);
    return fits ? !line.startsWith('!') : isOut;
  }, false);
}
