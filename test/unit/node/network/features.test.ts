import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Config, DEFAULTS } from '../../../../node/config/schema.ts';
import { type Features, featuresOf } from '../../../../node/network/features.ts';

function features(settings: Partial<Config> = {}, role: 'full' | 'light' = 'full'): Features {
  return featuresOf({ ...DEFAULTS, ...settings }, role);
}

test('by default a node can be found and reached', () => {
  const { listenHost, quic, autonat, holePunch, circuitServe, circuitUse, mdns, upnp } = features();
  assert.deepEqual(
    { listenHost, quic, autonat, holePunch, circuitServe, circuitUse, mdns, upnp },
    {
      listenHost: '0.0.0.0',
      quic: true,
      autonat: true,
      holePunch: true,
      circuitServe: true,
      circuitUse: 'auto',
      mdns: false,
      upnp: false,
    },
  );
});

test('behind a proxy nothing is left that goes past it, whatever is set', () => {
  const found = features({
    'network.proxy': 'socks5://127.0.0.1:9050',
    'network.mdns': true,
    'network.upnp': true,
    'circuit.use': 'always',
  });
  const { dialTimeoutMs, listenHost, circuitUse, ...switches } = found;
  assert.equal(listenHost, '127.0.0.1');
  assert.equal(circuitUse, 'never');
  assert.ok(dialTimeoutMs > features().dialTimeoutMs);
  assert.deepEqual(
    Object.entries(switches).filter(([, on]) => on),
    [],
  );
});

test('behind a proxy it still listens where it is told to', () => {
  const explicit = new Set(['listen.host']);
  const settings = { 'network.proxy': 'socks5://127.0.0.1:9050', 'listen.host': '192.0.2.1', explicit };
  assert.equal(features(settings).listenHost, '192.0.2.1');
});

test('a network key switches QUIC off, which has no place for it', () => {
  assert.equal(features({ 'network.keyFile': '/etc/swarm.key' }).quic, false);
});

test('on loopback, and as a light node, nobody has to be reached', () => {
  for (const found of [features({ 'listen.host': '127.0.0.1' }), features({}, 'light')]) {
    const { autonat, holePunch, circuitServe, circuitUse, webSocketDials } = found;
    assert.deepEqual([autonat, holePunch, circuitServe, circuitUse], [false, false, false, 'never']);
    assert.equal(webSocketDials, true);
  }
});
