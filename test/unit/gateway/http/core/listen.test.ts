import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkListenerIsSafe } from '../../../../../gateway/http/core/listen.ts';
import { type Config, DEFAULTS } from '../../../../../node/index.ts';

type Settings = Partial<Config>;

/** Every value that matters, of every setting that does. */
const HOSTS = ['127.0.0.1', '::1', 'localhost', '0.0.0.0', '::', '192.0.2.7', '2001:db8::7'] as const;
const AUTH = ['local', 'required'] as const;
const SHELTERS: Readonly<Record<'none' | 'TLS' | 'proxies' | 'plain HTTP', Settings>> = {
  none: {},
  TLS: { 'gateway.tls.cert': 'cert.pem', 'gateway.tls.key': 'key.pem' },
  proxies: { 'gateway.trustedProxies': ['192.0.2.9'] },
  'plain HTTP': { 'gateway.plainHttp': true },
};
const NAMES = [[], ['localhost:8080', '127.0.0.2'], ['localhost', 'gw.example:443']] as const;

/** Settings a refusal may name. */
const SETTINGS = [
  'gateway.auth',
  'gateway.tls.cert',
  'gateway.plainHttp',
  'gateway.allowedHosts to',
] as const;

for (const host of HOSTS) {
  const isLoopback = HOSTS.indexOf(host) < 3;
  for (const auth of AUTH) {
    for (const [shelter, settings] of Object.entries(SHELTERS)) {
      for (const names of NAMES) {
        const missing: string[] = [];
        if (isLoopback) {
          // a foreign name means a proxy, whose clients nothing tells apart for sure
          const isForeign = names.length > 0 && names[1] === 'gw.example:443';
          if (isForeign && auth === 'local') missing.push('gateway.auth');
        } else {
          if (auth === 'local') missing.push('gateway.auth');
          if (shelter === 'none') missing.push('gateway.tls.cert', 'gateway.plainHttp');
          if (names.length === 0) missing.push('gateway.allowedHosts to');
        }
        const config: Config = {
          ...DEFAULTS,
          ...settings,
          'gateway.host': host,
          'gateway.auth': auth,
          'gateway.allowedHosts': [...names],
        };
        const verdict = missing.length === 0 ? 'starts' : `needs ${missing.join(', ')}`;
        test(`${host}, auth ${auth}, ${shelter}, names [${names.join()}]: ${verdict}`, () => {
          const refusal = refusalOf(config);
          if (missing.length === 0) assert.equal(refusal, null);
          else
            assert.deepEqual(
              SETTINGS.filter((setting) => refusal?.includes(setting)),
              missing,
            );
        });
      }
    }
  }
}

function refusalOf(config: Config): string | null {
  try {
    checkListenerIsSafe(config);
    return null;
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'unsafe_listen');
    return (error as Error).message;
  }
}
