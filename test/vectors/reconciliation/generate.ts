/**
 * Makes the vectors of reconciliation from the SPEC alone: `node test/vectors/reconciliation/generate.ts` writes the JSON files
 * beside it. README.md says what they hold.
 */
import { writeFileSync } from 'node:fs';
import { answerVectors, fingerprintVectors, messageVectors } from './messages.ts';

/** The text of every file, by its name. */
export function vectorFiles(): Record<string, string> {
  const files = {
    'messages.json': messageVectors(),
    'fingerprints.json': fingerprintVectors(),
    'answers.json': answerVectors(),
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
