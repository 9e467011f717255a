import { createRequire } from 'node:module';
import type * as Multiaddrs from '@multiformats/multiaddr';
import { errorMessage } from '../../protocols/common/errors.ts';
import { formatDuration, formatSize } from '../../protocols/common/quantities.ts';
import { ACCEPTANCE_WINDOW_MS, CLOCK_SKEW_MS, ENVELOPE_MAX_BYTES } from '../../protocols/relay/constants.ts';
import { parsePeerId } from '../runtime/peer-ids.ts';
import { accessList } from './access-list.ts';
import type { Config } from './schema.ts';

const require = createRequire(import.meta.url);

/** Says where a setting's value came from: `gossip.degree (4, by default)`. */
export type Cite = (path: keyof Config) => string;

/** Lists settings that break rules beyond their own types: addresses must parse, and limits must fit together. */
export function brokenRelations(config: Config, cite: Cite): string[] {
  return [
    ...brokenAddresses(config, cite),
    ...brokenAccess(config, cite),
    ...brokenProxy(config, cite),
    ...brokenTrust(config, cite),
    ...brokenUids(config, cite),
    ...brokenTls(config, cite),
    ...brokenOrigins(config, cite),
    ...brokenCallbacks(config, cite),
    ...brokenOrder(config, cite),
  ];
}

function brokenAddresses(config: Config, cite: Cite): string[] {
  const bootstrap = config.bootstrap.filter((address) => !endsInPeerId(address));
  const announce = config['listen.announce'].filter((address) => !isMultiaddr(address));
  return [
    ...bootstrap.map(
      (address) =>
        `${cite('bootstrap')} holds "${address}", which must be a multiaddr that ends in a peer id, such as /ip4/192.0.2.1/tcp/4411/p2p/12D3Koo…`,
    ),
    ...announce.map(
      (address) =>
        `${cite('listen.announce')} holds "${address}", which must be a multiaddr, such as /ip4/192.0.2.1/tcp/4411`,
    ),
  ];
}

function brokenAccess(config: Config, cite: Cite): string[] {
  return (['connections.allow', 'connections.deny'] as const).flatMap((path) => {
    try {
      accessList(config[path]);
      return [];
    } catch (error) {
      return [`${cite(path)}: ${errorMessage(error)}`];
    }
  });
}

/** A proxy's address with a password would show it in argv and in logs. */
function brokenProxy(config: Config, cite: Cite): string[] {
  const proxy = config['network.proxy'];
  if (proxy === '' || PROXY.test(proxy)) return [];
  return [`${cite('network.proxy')} must be socks5://host:port, such as socks5://127.0.0.1:9050`];
}

const PROXY = /^socks5:\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\]):\d{1,5}$/i;

/** A gateway that trusts everybody believes any client's claims. */
function brokenTrust(config: Config, cite: Cite): string[] {
  return config['gateway.trustedProxies'].flatMap((entry) => {
    try {
      const { namesPeers } = accessList([entry]);
      if (!namesPeers && !entry.endsWith('/0')) return [];
    } catch {
      // said below
    }
    const form = 'the address of a proxy, or a range that holds only proxies, such as 192.0.2.0/28';
    return [`${cite('gateway.trustedProxies')} holds "${entry}", which must be ${form}`];
  });
}

function brokenUids(config: Config, cite: Cite): string[] {
  return config['gateway.operatorUids']
    .filter((uid) => uid !== 'any' && !UID.test(uid))
    .map(
      (uid) => `${cite('gateway.operatorUids')} holds "${uid}", which must be a uid, such as 1000, or any`,
    );
}

const UID = /^\d{1,10}$/;

function brokenTls(config: Config, cite: Cite): string[] {
  const [cert, key] = [config['gateway.tls.cert'], config['gateway.tls.key']];
  if ((cert === '') === (key === '')) return [];
  const [said, missing] = cert === '' ? ['key', 'cert'] : ['cert', 'key'];
  return [`${cite(`gateway.tls.${said}` as keyof Config)} needs gateway.tls.${missing} beside it`];
}

function brokenOrigins(config: Config, cite: Cite): string[] {
  return config['gateway.allowedOrigins']
    .filter((origin) => !isOrigin(origin))
    .map(
      (origin) =>
        `${cite('gateway.allowedOrigins')} holds "${origin}", which must be an origin, such as https://app.example`,
    );
}

/** A session goes there: over a network only encrypted. */
function brokenCallbacks(config: Config, cite: Cite): string[] {
  return config['gateway.loginCallbacks']
    .filter((callback) => !isCallback(callback))
    .map(
      (callback) =>
        `${cite('gateway.loginCallbacks')} holds "${callback}", which must begin with https://, or with http:// on the user's own machine, such as https://app.example/signed-in or http://127.0.0.1/signed-in`,
    );
}

function brokenOrder(config: Config, cite: Cite): string[] {
  /** The first must not be above the second, because of `why`. */
  const order: readonly [keyof Config, keyof Config, string][] = [
    ['gossip.degreeLow', 'gossip.degree', 'grafting aims between them'],
    ['gossip.degree', 'gossip.degreeHigh', 'pruning stops between them'],
    ['gossip.degreeHigh', 'connections.max', 'mesh peers are connections'],
    ['connections.target', 'connections.max', 'peers beyond it would be closed as they are found'],
    ['wallets.bytesTotal', 'storage.capacityBytes', 'what is promised must fit'],
    ['gateway.bodyBytes', 'gateway.clientQueueBytes', 'a message that can be published must fit the queue'],
  ];
  const broken = order
    .filter(([low, high]) => Number(config[low]) > Number(config[high]))
    .map(([low, high, why]) => `${cite(low)} must not be above ${cite(high)}: ${why}`);

  const windowMs = ACCEPTANCE_WINDOW_MS + 2 * CLOCK_SKEW_MS;
  if (config['relay.dedupWindowMs'] < windowMs) {
    broken.push(
      `${cite('relay.dedupWindowMs')} must be at least ${formatDuration(windowMs)}: a replay is accepted that long`,
    );
  }
  for (const path of ['gossip.outboundBufferBytes', 'relay.publishQueueBytes'] as const) {
    if (config[path] >= ENVELOPE_MAX_BYTES) continue;
    broken.push(
      `${cite(path)} must be at least ${formatSize(ENVELOPE_MAX_BYTES)}: the largest envelope must fit`,
    );
  }
  return broken;
}

/** Throws for what is no multiaddr. Loaded with the first one: most command lines name none. */
function componentsOf(text: string): readonly Multiaddrs.Component[] {
  const { multiaddr } = require('@multiformats/multiaddr') as typeof Multiaddrs;
  return multiaddr(text).getComponents();
}

function isMultiaddr(text: string): boolean {
  try {
    return componentsOf(text).length > 0;
  } catch {
    return false;
  }
}

function endsInPeerId(text: string): boolean {
  try {
    const components = componentsOf(text);
    const last = components.at(-1);
    if (components.length < 2 || last?.name !== 'p2p' || last.value === undefined) return false;
    return parsePeerId(last.value) !== null;
  } catch {
    return false;
  }
}

function isCallback(text: string): boolean {
  const url = URL.parse(text);
  if (url === null) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK_HOST.test(url.hostname));
}

const LOOPBACK_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
