import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { renderSettings } from '../../node/config/render.ts';
import type { Setting } from '../../node/config/schema.ts';
import { SETTINGS } from '../../node/settings.ts';
import { ROOT } from '../support/sources.ts';

test('every setting says what it does', () => {
  const silent = SETTINGS.filter(({ help }) => help.length < 20 || !help.endsWith('.')).map(
    ({ path }) => path,
  );
  assert.deepEqual(silent, []);
});

test('every limit has a unit, so that the info document can publish it', () => {
  const ports = new Set(['listen.tcp', 'listen.ws', 'listen.quic', 'gateway.port', 'admin.port']);
  const bare = SETTINGS.filter((setting: Setting) => typeof setting.default === 'number' && !setting.unit)
    .map(({ path }) => path)
    .filter((path) => !ports.has(path));
  assert.deepEqual(bare, []);
});

test('the table of settings is the one the code has', () => {
  const written = readFileSync(join(ROOT, 'node/config/SETTINGS.md'), 'utf8').split('\n');
  const made = renderSettings(SETTINGS).split('\n');
  assert.deepEqual(
    written.filter((line) => !made.includes(line)),
    [],
    'run: node scripts/settings-table.ts',
  );
  assert.equal(written.length, made.length, 'run: node scripts/settings-table.ts');
});
