/**
 * Makes the vectors of wallets' signatures: `node test/vectors/wallets/generate.ts` writes the JSON files beside it.
 * README.md says what they hold.
 */
import { writeFileSync } from 'node:fs';
import { bip322Vectors } from './bip322.ts';
import { ecdsaVectors } from './ecdsa.ts';
import { eip191Vectors } from './eip191.ts';

/** The text of every file, by its name. */
export async function vectorFiles(): Promise<Record<string, string>> {
  const files = {
    'eip191.json': await eip191Vectors(),
    'bip322.json': bip322Vectors(),
    'secp256k1.json': ecdsaVectors(),
  };
  return Object.fromEntries(
    Object.entries(files).map(([name, vectors]) => [name, `${JSON.stringify(vectors, null, 1)}\n`]),
  );
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(await vectorFiles())) {
    writeFileSync(new URL(name, import.meta.url), text);
  }
}
