/** Writes node/config/SETTINGS.md from the table of settings: `node scripts/settings-table.ts`. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { renderSettings } from '../node/config/render.ts';
import { SETTINGS } from '../node/settings.ts';

writeFileSync(
  fileURLToPath(new URL('../node/config/SETTINGS.md', import.meta.url)),
  renderSettings(SETTINGS),
);
