/**
 * Makes the relay's vectors from the SPEC alone: `node test/vectors/relay/generate.ts` writes the JSON files
 * beside it. README.md says what they hold.
 */
import { writeFileSync } from 'node:fs';
import { invalidVectors } from './invalid.ts';
import { shiftVectors } from './shifts.ts';
import { validVectors } from './valid.ts';

/** The text of every file, by its name. */
export function vectorFiles(): Record<string, string> {
  const files = {
    'valid.json': validVectors(),
    'invalid.json': invalidVectors(),
    'shifts.json': shiftVectors(),
  };
  return Object.fromEntries(
    Object.entries(files).map(([name, vectors]) => [name, `${JSON.stringify(vectors, null, 1)}\n`]),
  );
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(vectorFiles())) {
    writeFileSync(new URL(name, import.meta.url), text);
  }
}
