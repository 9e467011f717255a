/**
 * Makes the vectors of identity from the SPEC alone: `node test/vectors/identity/generate.ts` writes the JSON files
 * beside it. README.md says what they hold.
 */
import { writeFileSync } from 'node:fs';
import { chainVectors } from './chains.ts';
import { didVectors } from './dids.ts';
import { linkVectors } from './links.ts';
import { messageVectors } from './messages.ts';
import { resourceVectors, withinVectors } from './resources.ts';

/** The text of every file, by its name. */
export function vectorFiles(): Record<string, string> {
  const files = {
    'dids.json': didVectors(),
    'resources.json': resourceVectors(),
    'within.json': withinVectors(),
    'messages.json': messageVectors(),
    'links.json': linkVectors(),
    'chains.json': chainVectors(),
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
