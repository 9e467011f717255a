/** A page on which a browser's wallet signs in, and hands the session to an application that the operator allows. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isAllowedCallback } from '../../auth/callbacks.ts';
import { GatewayError } from '../../core/errors.ts';
import { errorResponses } from '../../core/schemas.ts';
import type { Routes } from '../core/routes.ts';
import type { AuthContext } from './context.ts';

const CALLBACK_MAX_LENGTH = 1024;

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 32rem; margin: 4rem auto; padding: 0 1rem; color: #223; }
button { font: inherit; padding: .5rem 1rem; }
code { overflow-wrap: anywhere; }
`;

/** A program on the user's machine reads its query; anybody else gets what no server and no log sees. */
const SCRIPT = `
const { callback, namespace, state } = document.body.dataset;
const says = document.getElementById('says');
const post = async (path, body) => {
  const response = await fetch(path, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
};
document.getElementById('sign').addEventListener('click', async () => {
  try {
    if (window.ethereum === undefined) throw new Error('this browser has no wallet');
    const [wallet] = await window.ethereum.request({ method: 'eth_requestAccounts' });
    const { nonce } = await post('/v1/auth/challenge', { wallet, namespace, purpose: 'login' });
    const hex = '0x' + Array.from(nonce, (c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join('');
    const signature = await window.ethereum.request({ method: 'personal_sign', params: [hex, wallet] });
    const session = await post('/v1/auth/verify', { wallet, namespace, nonce, signature });
    says.textContent = 'Signed in.';
    if (callback === '') return;
    const url = new URL(callback);
    const isLocal = url.protocol === 'http:' && /^(localhost|127\\.\\d+\\.\\d+\\.\\d+|\\[::1\\])$/.test(url.hostname);
    const fields = new URLSearchParams({
      api_key: session.api_key, access_token: session.access_token, refresh_token: session.refresh_token,
      expires_in: session.expires_in, subject: session.subject, wallet: session.subject, namespace: session.namespace,
    });
    if (state !== '') fields.set('state', state);
    if (isLocal) for (const [name, value] of fields) url.searchParams.set(name, value);
    else url.hash = fields.toString();
    location.replace(url);
  } catch (error) {
    says.textContent = error.message ?? String(error);
  }
});
`;

const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    `default-src 'none'; script-src '${hashOf(SCRIPT)}'; style-src '${hashOf(STYLE)}'; connect-src 'self'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
};

const schema = {
  summary: "A page that signs in with the browser's wallet",
  description:
    'With `callback`, one of gateway.loginCallbacks, the page goes there afterwards, with the session in the fragment; in the ' +
    'query for a program on the own machine (http://127.0.0.1, any port).',
  operationId: 'loginPage',
  tags: ['auth'],
  querystring: z.object({
    callback: z.string().max(CALLBACK_MAX_LENGTH).optional(),
    namespace: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, 'must match [a-z0-9-]{1,64}')
      .optional(),
    state: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must match [A-Za-z0-9_-]{1,128}')
      .optional()
      .describe('comes back beside the session: a callback then knows that it asked for it'),
  }),
  response: {
    200: { description: 'The page', content: { 'text/html': { schema: z.string() } } },
    ...errorResponses,
  },
};

export function loginRoute(app: Routes, { config }: Pick<AuthContext, 'config'>): void {
  const allowed = config['gateway.loginCallbacks'];
  app.get('/v1/auth/login', { config: { isOpen: true }, schema }, async ({ query }, reply) => {
    const { callback = '', namespace = 'default', state = '' } = query;
    if (callback !== '' && !isAllowedCallback(allowed, callback)) {
      throw new GatewayError('bad_callback', 'that callback is not allowed: see gateway.loginCallbacks');
    }
    return reply.headers(PAGE_HEADERS).send(pageOf({ callback, namespace, state }));
  });
}

interface Asked {
  readonly callback: string;
  readonly namespace: string;
  readonly state: string;
}

function pageOf({ callback, namespace, state }: Asked): string {
  const target = callback === '' ? 'this gateway' : new URL(callback).origin;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sign in</title>
<style>${STYLE}</style>
<body data-callback="${escapeHtml(callback)}" data-namespace="${escapeHtml(namespace)}" data-state="${escapeHtml(state)}">
<h1>Sign in</h1>
<p>Your wallet signs a number that is used once. The session is for <code>${escapeHtml(target)}</code>,
in the namespace <code>${escapeHtml(namespace)}</code>.</p>
<p><button id="sign">Sign in with the wallet</button></p>
<p id="says" role="status"></p>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
