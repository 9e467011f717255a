import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Config, DEFAULTS } from '../../../../node/config/schema.ts';
import { type Capabilities, capabilitiesOf } from '../../../../node/network/capabilities.ts';

function capabilities(settings: Partial<Config> = {}, role: 'full' | 'light' = 'full'): Capabilities {
  return capabilitiesOf({ ...DEFAULTS, ...settings }, role);
}

test('by default a node can be found and reached', () => {
  const { listenHost, quic, autonat, holePunch, circuitServe, circuitUse, mdns, upnp } = capabilities();
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
  const found = capabilities({
    'network.proxy': 'socks5://127.0.0.1:9050',
    'network.mdns': true,
    'network.upnp': true,
    'circuit.use': 'always',
  });
  const { dialTimeoutMs, listenHost, circuitUse, ...switches } = found;
  assert.equal(listenHost, '127.0.0.1');
  assert.equal(circuitUse, 'never');
  assert.ok(dialTimeoutMs > capabilities().dialTimeoutMs);
  assert.deepEqual(
    Object.entries(switches).filter(([, on]) => on),
    [],
  );
});

test('behind a proxy it still listens where it is told to', () => {
  const explicit = new Set(['listen.host']);
  const settings = { 'network.proxy': 'socks5://127.0.0.1:9050', 'listen.host': '192.0.2.1', explicit };
  assert.equal(capabilities(settings).listenHost, '192.0.2.1');
});

test('a network key switches QUIC off, which has no place for it', () => {
  assert.equal(capabilities({ 'network.keyFile': '/etc/swarm.key' }).quic, false);
});

test('on loopback, and as a light node, nobody has to be reached', () => {
  for (const found of [capabilities({ 'listen.host': '127.0.0.1' }), capabilities({}, 'light')]) {
    const { autonat, holePunch, circuitServe, circuitUse, webSocketDials } = found;
    assert.deepEqual([autonat, holePunch, circuitServe, circuitUse], [false, false, false, 'never']);
    assert.equal(webSocketDials, true);
  }
});
