import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './sources.ts';

/** The command lines of `npx maillon` in the shell blocks of a document, in their order, each as its arguments. */
export function commandsIn(path: string): string[][] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const blocks = [...text.matchAll(/^ *```sh\n(?<body>[\s\S]*?)^ *```$/gm)].map(
    ({ groups }) => groups?.['body'] ?? '',
  );
  return blocks
    .flatMap((body) => body.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line.startsWith('npx maillon '))
    .map((line) => line.split(/ +/).slice(2));
}
