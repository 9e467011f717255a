/**
 * Makes the vectors of joining from the SPEC alone: `node test/vectors/join/generate.ts` writes the JSON file beside it. README.md
 * says what it holds.
 */
import { writeFileSync } from 'node:fs';
import { joinVectors } from './vectors.ts';

/** The text of every file, by its name. */
export function vectorFiles(): Record<string, string> {
  return { 'vectors.json': `${JSON.stringify(joinVectors(), null, 1)}\n` };
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(vectorFiles())) {
    writeFileSync(new URL(name, import.meta.url), text);
  }
}
