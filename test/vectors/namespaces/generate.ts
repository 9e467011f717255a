/**
 * Makes the vectors of policies, revocations and sponsorships from the SPEC alone: `node test/vectors/namespaces/generate.ts` writes the JSON
 * files beside it. README.md says what they hold.
 */
import { writeFileSync } from 'node:fs';
import { frameVectors } from './frames.ts';
import { invalidVectors } from './invalid.ts';
import { validVectors } from './valid.ts';

/** The text of every file, by its name. */
export function vectorFiles(): Record<string, string> {
  const files = {
    'valid.json': validVectors(),
    'invalid.json': invalidVectors(),
    'frames.json': frameVectors(),
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
