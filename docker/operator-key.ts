/**
 * Makes an API key of the operator at the gateway in this container, through its admin listener, and prints it: it is shown once.
 *
 *     node docker/operator-key.ts NAME [SCOPE,…]     (read,write unless said; admin changes the node)
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const TIMEOUT_MS = 10_000;

const [name = '', scopes = 'read,write'] = process.argv.slice(2);
if (name === '') throw new Error('say what the key is for: node docker/operator-key.ts NAME [SCOPE,…]');
const port = process.env['MAILLON_ADMIN_PORT'] || 9464;
const tokenFile =
  process.env['MAILLON_ADMIN_TOKEN_FILE'] || join(process.env['MAILLON_DATA'] || 'data', 'admin.token');
const authorization = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;

const answer = await fetch(`http://127.0.0.1:${port}/v1/auth/api-keys`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization },
  body: JSON.stringify({ name, scopes: scopes.split(',') }),
  signal: AbortSignal.timeout(TIMEOUT_MS),
});
const made = (await answer.json()) as { readonly api_key?: string; readonly error?: string };
if (made.api_key === undefined) throw new Error(`no key: ${answer.status} ${made.error}`);
process.stdout.write(`${made.api_key}\n`);
