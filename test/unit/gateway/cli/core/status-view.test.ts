import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ratesBetween,
  renderStatus,
  type StatusReading,
} from '../../../../../gateway/cli/core/status-view.ts';
import { ago, ranges, renderPeers, shortId } from '../../../../../gateway/cli/peers.ts';
import type { Peer, Status } from '../../../../../gateway/client/index.ts';

const PEER_ID = '12D3KooWDDs7omSAzUWdaBz5K3wE1ScWF4vUwHwgHpWEGWRZCXEF';

type Relay = Status['node']['relay'];

function reading(
  relay: Partial<Relay> = {},
  node: Partial<Status['node']> = {},
  peers: readonly Peer[] = [],
): StatusReading {
  const network = { node_id: PEER_ID, peer_id: PEER_ID, connected: true, peer_count: 7, database_size: 0 };
  return {
    status: {
      server: { started_at: '2026-01-01T00:00:00Z', uptime: '1s' },
      network: { ...network, uptime: 90e9 },
      node: {
        peerId: PEER_ID,
        author: 'did:key:z6Mk',
        role: 'full',
        swarm: 'maillon',
        operator: {
          did: 'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH',
          invitedBy: PEER_ID,
          endsAt: null,
          fault: null,
        },
        version: '0.1.0',
        startedAt: 1,
        addresses: [`/ip4/192.168.100.100/udp/65535/quic-v1/p2p/${PEER_ID}`],
        peers: 7,
        mesh: [12, 12, 12, 12, 12, 12, 12, 0],
        relay: {
          copiesReceived: 999_999,
          envelopesAccepted: 999_999,
          messagesDelivered: 0,
          envelopesPublished: 0,
          messagesPublished: 0,
          bytesAccepted: 0,
          refused: { overloaded: 9999 },
          waiting: 100,
          subscriptions: 1000,
          ...relay,
        },
        eventLoop: { p50Ms: 100, p99Ms: 1000.04, maxMs: 2000, utilisation: 1 },
        memory: { rssBytes: 999.9e6, heapBytes: 999.9e6 },
        disk: { dataBytes: 999.9e9, freeBytes: 999.9e9 },
        storage: {
          records: 1_000_000,
          blobs: { count: 1_000_000, bytes: 999.9e9 },
          uploads: { count: 1024, bytes: 999.9e9 },
          capacityBytes: 2 ** 40,
          usedBytes: 999.9e9,
          availableBytes: 99.9e9,
        },
        directory: { nodes: 10_000, direct: 10_000, relayed: 10_000, owners: 0 },
        bootstrap: [],
        recovery: null,
        ...node,
      },
    },
    version: {
      version: '0.1.0',
      commit: 'a'.repeat(40),
      build_time: '',
      started_at: '',
      uptime: '',
    },
    peers,
  };
}

function peer(score: number): Peer {
  return {
    id: PEER_ID,
    addresses: [`/ip4/192.168.100.100/tcp/4411/p2p/${PEER_ID}`],
    connected: true,
    last_seen: '2026-01-01T00:00:00Z',
    agent: 'maillon/0.1.0 (swarm maillon)',
    direction: 'outbound',
    score,
    mesh_shards: [0, 1, 2, 3, 4, 5, 6, 7],
  };
}

test('rates are what happened between two readings, a second', () => {
  const before = {
    at: 1000,
    value: reading({ messagesDelivered: 10, messagesPublished: 4, bytesAccepted: 0 }),
  };
  const now = {
    at: 3000,
    value: reading({ messagesDelivered: 34, messagesPublished: 8, bytesAccepted: 500 }),
  };
  assert.deepEqual(ratesBetween(before, now), {
    messagesInPerSecond: 10,
    messagesOutPerSecond: 2,
    bytesInPerSecond: 250,
    copiesPerSecond: 0,
    refusedPerSecond: 0,
  });
});

test('there is no rate over a restart, over another node, or over no time', () => {
  const before = { at: 1000, value: reading() };
  assert.equal(ratesBetween(before, { at: 2000, value: reading({}, { startedAt: 2 }) }), null);
  assert.equal(ratesBetween(before, { at: 2000, value: reading({}, { peerId: 'other' }) }), null);
  assert.equal(ratesBetween(before, { at: 1000, value: reading() }), null);
});

test('a busy node fits 80 columns', () => {
  const rates = {
    messagesInPerSecond: 99_999.9,
    messagesOutPerSecond: 9999.9,
    bytesInPerSecond: 99e6,
    copiesPerSecond: 9999.9,
    refusedPerSecond: 9999.9,
  };
  const busy = reading({ messagesDelivered: 99_999_999, messagesPublished: 9_999_999 }, {}, [peer(-123.4)]);
  for (const shown of [rates, null]) {
    const text = renderStatus('http://127.0.0.1:65535', busy, shown);
    const wide = text.split('\n').filter((line) => line.length > 80);
    assert.deepEqual(wide, []);
  }
});

test('what an operator looks for is there', () => {
  const text = renderStatus('http://127.0.0.1:8080', reading({}, {}, [peer(1), peer(-3), peer(-50)]), null);
  assert.match(text, /^version +0\.1\.0 \(aaaaaaa\)$/m);
  assert.match(text, /^up +90s, full node in maillon$/m);
  assert.match(text, /^peers +7 connected, 2 with a score below 0, worst -50\.0$/m);
  assert.match(text, /^mesh +12 12 12 12 12 12 12 0 peers on shards 0 to 7$/m);
  assert.match(text, /^event loop +late by .*1000\.0 ms \(p99\).*100 % busy$/m);
  assert.match(text, /^storage +999\.9GB used of 1TiB, 99\.9GB free, 1024 uploads/m);
  assert.match(text, /^disk +999\.9GB of data, 999\.9GB free$/m);
  assert.match(text, /^addresses +\/ip4\/192\.168\.100\.100\/udp\/65535\/quic-v1$/m);
  const dark = reading({}, { disk: { dataBytes: null, freeBytes: null }, addresses: [] });
  assert.match(renderStatus('u', dark, null), /^disk +data cannot be read$/m);
  assert.match(renderStatus('u', dark, null), /^addresses +none: it only dials$/m);
});

test('a bootstrap address that leads nowhere is shown with its cause and the next step', () => {
  const fault = { code: 'refused', reason: 'nothing listens', next: 'start it' };
  const bootstrap = [
    { address: '/ip4/192.0.2.1/tcp/4411/p2p/a', state: 'connected', fault: null },
    { address: '/ip4/192.0.2.2/tcp/4411/p2p/b', state: 'failed', fault },
  ] as const;
  const text = renderStatus('u', reading({}, { bootstrap }), null);
  assert.match(text, /^bootstrap +1 of 2 addresses lead to a peer$/m);
  assert.match(text, /^ +\/ip4\/192\.0\.2\.2\/tcp\/4411\/p2p\/b: nothing listens \(start it\)$/m);
  assert.doesNotMatch(renderStatus('u', reading(), null), /^bootstrap/m);
});

test('peers are told apart in 100 columns, and whole with --long', () => {
  const short = renderPeers([peer(1.25)], {});
  assert.match(short, /^…GWRZCXEF +outbound +maillon\/0\.1\.0 +1\.3 +0-7 +now +\/ip4/m);
  assert.ok(short.split('\n').every((line) => line.length <= 100));
  assert.match(renderPeers([peer(1)], { long: true }), new RegExp(`^${PEER_ID}  outbound`, 'm'));
  assert.equal(renderPeers([], {}), 'no peers');
});

test('what a peer calls itself cannot steer the terminal', () => {
  const evil = { ...peer(1), agent: 'x\u001b[2J', addresses: ['\u009b31m'] };
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(renderPeers([evil], {}), /[\u001b\u009b]/);
});

test('numbers in words', () => {
  assert.deepEqual([[], [3], [0, 1, 2, 5], [7, 6, 1]].map(ranges), ['-', '3', '0-2,5', '1,6-7']);
  assert.equal(shortId('short'), 'short');
  assert.equal(ago(Date.now()), 'never');
  assert.equal(ago(61_000), '61s');
});
