/** How sessions are shown: never with what is secret of them. */

import { roundDuration } from '../../../protocols/common/quantities.ts';
import { type Cell, properties } from '../core/terminal.ts';
import type { WhoAnswer } from './auth-api.ts';
import type { StoredSession } from './session.ts';

export type PlainSession = Omit<StoredSession, 'accessToken' | 'refreshToken'>;

export const SESSION_HEADINGS = ['', 'GATEWAY', 'WALLET', 'NAMESPACE', 'CUSTODY', 'KEY', 'SIGNED IN'];

export function withoutSecrets({ accessToken: _a, refreshToken: _r, ...rest }: StoredSession): PlainSession {
  return rest;
}

export function describeSession({ gateway, wallet, namespace, custody, key }: StoredSession): string {
  return properties([
    ['gateway', gateway],
    ['wallet', wallet],
    ['namespace', namespace],
    ['custody', custody],
    ['key', keyCell(key)],
  ]);
}

export function describeAnswer(gateway: string, answer: WhoAnswer): string {
  const { method, subject, namespace, custody, expires_at: expiresAt } = answer;
  const left = expiresAt === undefined ? null : expiresAt * 1000 - Date.now();
  const rows: (readonly [string, string | undefined])[] = [
    ['gateway', gateway],
    ['signed in', METHODS[method] ?? method],
    ['wallet', subject],
    ['namespace', namespace],
    ['custody', custody],
    ['token', left === null ? undefined : `ends in ${roundDuration(left)}, and is renewed by itself`],
  ];
  return properties(rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}

const METHODS: Readonly<Record<string, string>> = {
  jwt: 'with a session',
  api_key: 'with an API key',
  operator: "no: this machine's own gateway takes you for its operator",
  anonymous: 'no',
};

export function rowOf(session: StoredSession, isCurrent: boolean): Cell[] {
  const { gateway, wallet, namespace, custody, key, signedInAt } = session;
  const since = `${roundDuration(Date.now() - signedInAt)} ago`;
  return [isCurrent ? '*' : '', gateway, wallet, namespace, custody, keyCell(key), since];
}

function keyCell(key: StoredSession['key']): string {
  return key === null ? 'in a browser' : key.name;
}
