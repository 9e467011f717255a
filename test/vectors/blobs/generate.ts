/** Makes the links to blobs from the SPEC alone: `node test/vectors/blobs/generate.ts` writes the file beside it. */
import { writeFileSync } from 'node:fs';
import { linkVectors } from './links.ts';

/** The text of every file made here, by its name. */
export function vectorFiles(): Record<string, string> {
  return { 'links.json': `${JSON.stringify(linkVectors(), null, 1)}\n` };
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(vectorFiles())) {
    writeFileSync(new URL(name, import.meta.url), text);
  }
}
