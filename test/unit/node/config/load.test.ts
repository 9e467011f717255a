import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { ConfigError, type ConfigSources } from '../../../../node/config/load.ts';
import { flagOf, variableOf } from '../../../../node/config/names.ts';
import { DEFAULTS } from '../../../../node/config/schema.ts';
import { loadConfig, SETTINGS } from '../../../../node/settings.ts';

const root = mkdtempSync(join(tmpdir(), 'maillon-config-'));
after(() => rmSync(root, { recursive: true, force: true }));
let files = 0;

/** A fresh working directory with `yaml` as its maillon.yaml. */
function directory(yaml?: string | Uint8Array): string {
  const path = mkdtempSync(join(root, `${files++}-`));
  if (yaml !== undefined) writeFileSync(join(path, 'maillon.yaml'), yaml);
  return path;
}

function load(sources: Partial<ConfigSources> = {}) {
  return loadConfig({ flags: {}, env: {}, cwd: root, ...sources });
}

/** The message with which loading fails. */
function refusal(sources: Partial<ConfigSources>): string {
  try {
    load(sources);
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    assert.equal(error.code, 'bad_config');
    assert.doesNotMatch(error.message, /\n/, 'one line');
    return error.message;
  }
  return assert.fail('it was accepted');
}

const PEER = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';

test('without anything said the defaults hold, and data is absolute', () => {
  const config = load();
  assert.deepEqual({ ...config, data: './data' }, { ...DEFAULTS });
  assert.equal(config.data, join(root, 'data'));
});

test('every default satisfies its own schema', () => {
  for (const setting of SETTINGS) {
    const result = setting.schema.safeParse(setting.default);
    assert(result.success, `${setting.path}: ${String(setting.default)} is refused by its own schema`);
  }
});

test('names are derived from the path and none collides', () => {
  assert.equal(flagOf('gateway.allowedHosts'), '--gateway-allowed-hosts');
  assert.equal(variableOf('gateway.allowedHosts'), 'MAILLON_GATEWAY_ALLOWED_HOSTS');
  assert.equal(variableOf('data'), 'MAILLON_DATA');
  assert.equal(new Set(SETTINGS.map(({ path }) => variableOf(path))).size, SETTINGS.length);
});

test('flags win over variables, variables over the file, the file over defaults', () => {
  const cwd = directory('gateway: { port: 1 }\nswarm: from-file\nlisten:\n  tcp: 11\n');
  const env = { MAILLON_GATEWAY_PORT: '2', MAILLON_SWARM: 'from-env' };
  const config = load({ cwd, env, flags: { 'gateway.port': '3' } });
  assert.equal(config['gateway.port'], 3);
  assert.equal(config.swarm, 'from-env');
  assert.equal(config['listen.tcp'], 11);
  assert.equal(config['listen.ws'], 4412);
  assert.deepEqual([...config.explicit].toSorted(), ['gateway.port', 'listen.tcp', 'swarm']);
});

test("a command's own defaults stand below everything that is said", () => {
  assert.equal(load({ defaults: { data: './data/gateway' } }).data, join(root, 'data/gateway'));
  assert.equal(load({ defaults: { data: './x' }, env: { MAILLON_DATA: '/y' } }).data, '/y');
});

test('lists: commas in variables and flags, repeated flags, sequences in the file', () => {
  const path = 'gateway.allowedHosts';
  assert.deepEqual(load({ env: { MAILLON_GATEWAY_ALLOWED_HOSTS: 'a, b,' } })[path], ['a', 'b']);
  assert.deepEqual(load({ flags: { [path]: ['a,b', 'c'] } })[path], ['a', 'b', 'c']);
  assert.deepEqual(load({ cwd: directory('gateway:\n  allowedHosts: [a, b]\n') })[path], ['a', 'b']);
});

test('an empty variable is not said', () => {
  assert.equal(load({ env: { MAILLON_GATEWAY_PORT: '' } })['gateway.port'], 8080);
});

test('unknown names are refused by name, with a suggestion where one is near', () => {
  assert.match(
    refusal({ cwd: directory('gateway:\n  prot: 80\n') }),
    /gateway\.prot in .*maillon\.yaml.*gateway\.port\?/,
  );
  assert.match(
    refusal({ env: { MAILLON_GATEWAY_PROT: '80' } }),
    /MAILLON_GATEWAY_PROT.*MAILLON_GATEWAY_PORT\?/,
  );
  assert.match(refusal({ flags: { 'gateway.prot': '80' } }), /--gateway-prot.*--gateway-port\?/);
  assert.doesNotMatch(refusal({ env: { MAILLON_ZZZZZZZZZZZZZZZZ: '1' } }), /did you mean/);
});

test('the two variables that are no settings are let through', () => {
  const cwd = directory();
  writeFileSync(join(cwd, 'other.yaml'), 'swarm: other\n');
  assert.equal(load({ cwd, env: { MAILLON_URL: 'http://x', MAILLON_CONFIG: 'other.yaml' } }).swarm, 'other');
});

test('a bad value names its setting, where it was said, and what it must be', () => {
  assert.match(
    refusal({ flags: { 'gateway.port': '80a' } }),
    /^gateway\.port \(from flag --gateway-port\) must be a whole number from 0 to 65535, not "80a"$/,
  );
  assert.match(
    refusal({ env: { MAILLON_LOG_LEVEL: 'loud' } }),
    /variable MAILLON_LOG_LEVEL\) must be one of fatal, .*not "loud"/,
  );
  assert.match(refusal({ cwd: directory('swarm: UPPER\n') }), /swarm \(from file .*maillon\.yaml\)/);
  assert.match(refusal({ cwd: directory('gateway:\n  enabled:\n') }), /must be true or false, not empty/);
  assert.match(refusal({ cwd: directory('gateway: 8080\n') }), /unknown setting gateway in/);
  assert.match(refusal({ flags: { 'listen.host': 'example.org' } }), /an IPv4 address or an IPv6 address/);
});

test('several problems are told together, and a file of nonsense in few words', () => {
  assert.match(
    refusal({ flags: { 'gateway.port': 'x' }, env: { MAILLON_SWARM: 'X' } }),
    /swarm .*; gateway\.port/,
  );
  const nonsense = Array.from({ length: 100 }, (_, i) => `key${i}: 1`).join('\n');
  assert.match(refusal({ cwd: directory(nonsense) }), /; and 95 more$/);
});

test('limits that belong together are checked together', () => {
  assert.match(
    refusal({ flags: { 'gossip.degree': '3' } }),
    /gossip\.degreeLow \(4, by default\) must not be above gossip\.degree \(3, from flag --gossip-degree\)/,
  );
  assert.match(refusal({ flags: { 'gossip.degree': '13' } }), /must not be above gossip\.degreeHigh/);
  assert.match(refusal({ flags: { 'relay.publishQueueBytes': '2048' } }), /the largest envelope must fit/);
  assert.match(refusal({ flags: { 'gateway.clientQueueBytes': '2048' } }), /must fit the queue/);
});

test('addresses must be addresses', () => {
  const good = `/ip4/127.0.0.1/tcp/4411/p2p/${PEER}`;
  assert.deepEqual(load({ flags: { bootstrap: good } }).bootstrap, [good]);
  for (const bad of [
    '127.0.0.1:4411',
    '/ip4/127.0.0.1/tcp/4411',
    `/p2p/${PEER}`,
    `${good}x`,
    `${good}/p2p-circuit`,
  ]) {
    assert.match(
      refusal({ flags: { bootstrap: bad } }),
      /bootstrap .*must be a multiaddr that ends in a peer id/,
      bad,
    );
  }
  assert.match(
    refusal({ flags: { 'listen.announce': 'nowhere' } }),
    /listen\.announce .*must be a multiaddr/,
  );
  assert.match(refusal({ flags: { 'gateway.allowedOrigins': 'app.example' } }), /must be an origin/);
});

test('a login page hands sessions over by https, or to the own machine', () => {
  const good = ['https://app.example/in', 'http://127.0.0.1/in', 'http://localhost:3000/', 'http://[::1]/in'];
  assert.deepEqual(load({ flags: { 'gateway.loginCallbacks': good } })['gateway.loginCallbacks'], good);
  for (const bad of [
    'http://app.example/in',
    'http://127.0.0.1.evil.example/',
    'app:/in',
    'in',
    'javascript:1',
  ]) {
    const said = refusal({ flags: { 'gateway.loginCallbacks': [bad] } });
    assert.match(said, /gateway\.loginCallbacks .*must begin with https:/, bad);
  }
});

test('a proxy is trusted by its address, and never everybody', () => {
  const good = ['127.0.0.1', '192.0.2.0/28', '2001:db8::/64'];
  assert.deepEqual(load({ flags: { 'gateway.trustedProxies': good } })['gateway.trustedProxies'], good);
  for (const bad of ['proxy.example', '0.0.0.0/0', '::/0', '192.0.2.0/33', '12D3KooWnobody']) {
    const message = refusal({ flags: { 'gateway.trustedProxies': bad } });
    assert.match(message, /gateway\.trustedProxies .*must be the address of a proxy/, bad);
  }
});

test('a certificate needs its key, and a key its certificate', () => {
  assert.match(refusal({ flags: { 'gateway.tls.cert': 'a.pem' } }), /tls\.cert .*needs gateway\.tls\.key/);
  assert.match(refusal({ flags: { 'gateway.tls.key': 'a.pem' } }), /tls\.key .*needs gateway\.tls\.cert/);
});

test('a file that was asked for must be there; maillon.yaml need not', () => {
  assert.match(refusal({ file: 'absent.yaml' }), /absent\.yaml: there is no such file/);
  assert.match(refusal({ env: { MAILLON_CONFIG: 'absent.yaml' } }), /absent\.yaml: there is no such file/);
  assert.match(refusal({ file: root }), /it is a directory/);
});

test('the file is read safely', () => {
  const bomb = `a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n`;
  assert.match(refusal({ cwd: directory(bomb) }), /alias/i);
  assert.match(refusal({ cwd: directory(`# ${'x'.repeat(70_000)}`) }), /larger than 64 KiB/);
  assert.match(refusal({ cwd: directory(Uint8Array.of(0xff, 0xfe, 0xfd)) }), /configuration file/);
  assert.match(refusal({ cwd: directory('['.repeat(60_000)) }), /configuration file/);
  assert.match(refusal({ cwd: directory('- a\n') }), /key: value/);
  assert.match(refusal({ cwd: directory('gateway.port: 1\ngateway: { port: 2 }\n') }), /said twice/);
  assert.match(refusal({ cwd: directory('swarm: a\nswarm: b\n') }), /unique/i);
  assert.match(refusal({ cwd: directory('__proto__: { swarm: x }\n') }), /unknown setting __proto__\.swarm/);
  assert.equal(load({ cwd: directory('gateway:\n  # nothing\n') })['gateway.port'], 8080);
  assert.equal(load({ cwd: directory('') }).swarm, 'maillon');
});

test('whatever the file holds, it loads or is refused with a ConfigError', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 300 }), fc.json()), (text) => {
      try {
        load({ cwd: directory(text) });
      } catch (error) {
        assert(error instanceof ConfigError, String(error));
      }
    }),
    { numRuns: 200 },
  );
});

test('sizes and durations are said in words or as plain numbers, wherever they are said', () => {
  const cwd = directory('storage:\n  capacityBytes: 50MB\n  downTimeoutMs: 90s\n  namespaceBytes: 2048\n');
  const config = load({
    cwd,
    env: { MAILLON_GATEWAY_SLOW_CLIENT_MS: '1m30s', MAILLON_GATEWAY_BODY_BYTES: '64KiB' },
    flags: { 'storage.scrubEveryMs': '24h', 'relay.lingerMs': '25' },
  });
  assert.equal(config['storage.capacityBytes'], 50_000_000);
  assert.equal(config['storage.downTimeoutMs'], 90_000);
  assert.equal(config['storage.namespaceBytes'], 2048);
  assert.equal(config['gateway.slowClientMs'], 90_000);
  assert.equal(config['gateway.bodyBytes'], 65_536);
  assert.equal(config['storage.scrubEveryMs'], 86_400_000);
  assert.equal(config['relay.lingerMs'], 25);
});

test('a size or duration that is spelled otherwise is refused with an example', () => {
  assert.match(
    refusal({ flags: { 'storage.capacityBytes': '1 gig' } }),
    /must be a size from 1KiB to 1TiB, such as 10GiB, not "1 gig"$/,
  );
  assert.match(
    refusal({ cwd: directory('storage:\n  downTimeoutMs: 2weeks\n') }),
    /must be a duration from 1s to 24h, such as 10m, not "2weeks"$/,
  );
  assert.match(refusal({ env: { MAILLON_STORAGE_DOWN_TIMEOUT_MS: '48h' } }), /from 1s to 24h.*, not "48h"$/);
});

test('relations between sizes are said as sizes', () => {
  assert.match(
    refusal({ flags: { 'gateway.clientQueueBytes': '100kB' } }),
    /gateway\.bodyBytes \(256KiB, by default\) must not be above gateway\.clientQueueBytes \(100kB, from flag/,
  );
});

const ECHO = join(import.meta.dirname, '../../../support/features/echo/feature.ts');

test('features that features.paths names bring their settings, wherever these are said', () => {
  const cwd = directory(`features:\n  paths: [${relative(root, ECHO)}]\necho:\n  maxBytes: 2KiB\n`);
  // relative paths begin at the file that names them
  const file = join(root, 'named.yaml');
  renameSync(join(cwd, 'maillon.yaml'), file);
  const config = load({ cwd, file }) as unknown as Record<string, unknown>;
  assert.deepEqual(config['features.paths'], [ECHO]);
  assert.equal(config['echo.maxBytes'], 2048);
  const paths = { 'features.paths': relative(cwd, ECHO) };
  const said = load({ cwd, flags: paths, env: { MAILLON_ECHO_MAX_BYTES: '10' } });
  assert.equal((said as unknown as Record<string, unknown>)['echo.maxBytes'], 10);
  const unsaid = load({ cwd, flags: paths }) as unknown as Record<string, unknown>;
  assert.equal(unsaid['echo.maxBytes'], 1024);
});

test('settings of features are checked like all others', () => {
  const flags = { 'features.paths': ECHO };
  assert.match(refusal({ env: { MAILLON_ECHO_MAX_BYTES: '10' } }), /unknown variable MAILLON_ECHO_MAX_BYTES/);
  assert.match(
    refusal({ flags, env: { MAILLON_ECHO_MAX_BYTES: '0' } }),
    /echo\.maxBytes .* must be a size from/,
  );
  const cwd = directory('echo:\n  maxByte: 10\n');
  assert.match(refusal({ flags, cwd }), /unknown setting echo\.maxByte .*did you mean echo\.maxBytes\?/);
  assert.throws(() => load({ flags: { 'features.paths': './nothing.ts' } }), { code: 'bad_feature' });
  assert.throws(() => load({ flags: { 'features.paths': `${ECHO},${ECHO}` } }), { code: 'feature_exists' });
});

test('only features that a node can do without are switched off', () => {
  assert.deepEqual(load({ flags: { 'features.off': 'ipfs,storage' } })['features.off'], ['ipfs', 'storage']);
  const optional = 'which must be one of directory, storage, ipfs, members, backup';
  assert.match(refusal({ flags: { 'features.off': 'relay' } }), new RegExp(`"relay", ${optional}`));
  assert.match(refusal({ flags: { 'features.off': 'echo' } }), new RegExp(`"echo", ${optional}`));
  const flags = { 'features.off': 'echo', 'features.paths': ECHO };
  assert.deepEqual(load({ flags })['features.off'], ['echo']);
});
