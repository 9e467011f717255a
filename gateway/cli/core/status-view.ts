import { formatSize, roundDuration, roundSize } from '../../../protocols/common/quantities.ts';
import type { Peer, Status, StorageStatus, Version } from '../../client/index.ts';
import { type Cell, properties, type Style, styled } from './terminal.ts';
import type { Reading } from './watch.ts';

/** Data that `maillon status` reads. */
export interface StatusReading {
  readonly status: Status;
  readonly version: Version;
  readonly peers: readonly Peer[];
}

/** Rates per second between two readings. */
export interface Rates {
  /** Messages of others that this node got. */
  readonly messagesInPerSecond: number;
  /** Messages this node published. */
  readonly messagesOutPerSecond: number;
  readonly bytesInPerSecond: number;
  readonly copiesPerSecond: number;
  readonly refusedPerSecond: number;
}

/** Below this score gossip keeps its control messages from a peer (node/network/gossip-options.ts). */
const SCORE_BAD = -40;
/** Beyond this clients notice; beyond that they complain. */
const LAG_WARN_MS = 50;
const LAG_BAD_MS = 250;
const BUSY_WARN = 0.7;
const BUSY_BAD = 0.9;
/** Below this many bytes an operator should act. */
const FREE_WARN_BYTES = 5e9;
const FREE_BAD_BYTES = 1e9;
const MS_PER_SECOND = 1000;
const NS_PER_MS = 1e6;
const COMMIT_SHOWN = 7;

/** Null when the node began anew between the two: its counters did, too. */
export function ratesBetween(before: Reading<StatusReading>, now: Reading<StatusReading>): Rates | null {
  const [a, b] = [before.value.status.node, now.value.status.node];
  const seconds = (now.at - before.at) / MS_PER_SECOND;
  if (a.startedAt !== b.startedAt || a.peerId !== b.peerId || seconds <= 0) return null;
  const rate = (count: (relay: Status['node']['relay']) => number): number =>
    Math.round(((count(b.relay) - count(a.relay)) / seconds) * 10) / 10;
  return {
    messagesInPerSecond: rate((relay) => relay.messagesDelivered - relay.messagesPublished),
    messagesOutPerSecond: rate((relay) => relay.messagesPublished),
    bytesInPerSecond: rate((relay) => relay.bytesAccepted),
    copiesPerSecond: rate((relay) => relay.copiesReceived),
    refusedPerSecond: rate(refusedTotal),
  };
}

/** A node at a glance, in 80 columns. */
export function renderStatus(
  url: string,
  { status, version, peers }: StatusReading,
  rates: Rates | null,
): string {
  const { node, network } = status;
  const { memory, disk, storage, directory } = node;
  const role = node.role === 'full' ? 'full node' : 'light gateway';
  return properties([
    ['gateway', url],
    ['version', `${version.version} (${version.commit.slice(0, COMMIT_SHOWN)})`],
    ['up', `${roundDuration(network.uptime / NS_PER_MS)}, ${role} in ${node.swarm}`],
    ['owner', owner(node.operator)],
    ['peer id', node.peerId],
    ...restored(node.recovery),
    ['peers', [peerCount(status), ...scores(peers)]],
    ...bootstrap(node.bootstrap),
    ['mesh', mesh(node.mesh, node.peers)],
    ['messages', messages(node.relay, rates)],
    ['envelopes', envelopes(node.relay, rates)],
    ['event loop', eventLoop(node.eventLoop)],
    ['memory', `${roundSize(memory.rssBytes)}, ${roundSize(memory.heapBytes)} of it JavaScript's`],
    ['disk', diskSpace(disk)],
    ['storage', [...roomOf(storage), ...uploadsOf(storage)]],
    [
      'directory',
      `${directory.nodes} announced, ${directory.direct} reached, ${directory.relayed} through relays`,
    ],
    ['addresses', node.addresses.map(withoutPeerId).join('\n') || 'none: it only dials'],
  ]);
}

/** Only of a node that was restored and has not reconciled with other replicas. */
function restored(recovery: Status['node']['recovery']): [string, Cell][] {
  if (recovery === null) return [];
  const asOf = new Date(recovery.asOf).toISOString();
  const text =
    recovery.state === 'alone'
      ? `serves what the backup held, as of ${asOf}: it is the only replica`
      : `as of ${asOf}: reconciles with the other replicas, and counts for nothing before`;
  return [['restored', { text, style: 'yellow' }]];
}

function peerCount({ node }: Status): Cell {
  return { text: `${node.peers} connected`, style: node.peers > 0 ? 'green' : 'yellow' };
}

/** One that leads nowhere wants attention, and action where there is no peer otherwise. */
function bootstrap(views: Status['node']['bootstrap']): [string, Cell[]][] {
  if (views.length === 0) return [];
  const there = views.filter(({ state }) => state === 'connected').length;
  const style = there === 0 ? 'red' : 'yellow';
  const faults = views.flatMap(({ address, fault }): Cell[] =>
    fault === null ? [] : [{ text: `\n${address}: ${fault.reason} (${fault.next})`, style }],
  );
  return [['bootstrap', [`${there} of ${views.length} addresses lead to a peer`, ...faults]]];
}

function scores(peers: readonly Peer[]): Cell[] {
  const connected = peers.filter((peer) => peer.connected);
  if (connected.length === 0) return [];
  const worst = Math.min(...connected.map(({ score }) => score));
  const below = connected.filter(({ score }) => score < 0).length;
  if (below === 0) return [', every score 0 or better'];
  return [
    ', ',
    { text: `${below} with a score below 0, worst ${worst.toFixed(1)}`, style: scoreStyle(worst) },
  ];
}

export function scoreStyle(score: number): Style {
  if (score >= 0) return 'green';
  return score < SCORE_BAD ? 'red' : 'yellow';
}

/** A shard without a mesh is deaf, unless there is nobody. */
function mesh(sizes: readonly number[], peers: number): Cell[] {
  const cells = sizes.flatMap((size): Cell[] => {
    const isThin = size === 0 && peers > 0;
    return [isThin ? { text: String(size), style: 'red' } : String(size), ' '];
  });
  return [...cells, `peers on shards 0 to ${sizes.length - 1}`];
}

function messages(relay: Status['node']['relay'], rates: Rates | null): string {
  const all = `${relay.messagesDelivered} delivered, ${relay.messagesPublished} published`;
  if (rates === null) return `${all}, ${relay.subscriptions} subscriptions`;
  return `${rates.messagesInPerSecond}/s in, ${rates.messagesOutPerSecond}/s out (${all})`;
}

function envelopes(relay: Status['node']['relay'], rates: Rates | null): Cell[] {
  const refused = refusedTotal(relay);
  const shown: Cell = refused === 0 ? 'none refused' : { text: `${refused} refused`, style: 'yellow' };
  const waiting = `, ${relay.waiting} wait`;
  if (rates === null) return [`${relay.envelopesAccepted} accepted, `, shown, waiting];
  return [`${rates.copiesPerSecond}/s, ${roundSize(rates.bytesInPerSecond)}/s accepted, `, shown, waiting];
}

function refusedTotal({ refused }: Status['node']['relay']): number {
  return Object.values(refused).reduce((sum, count) => sum + count, 0);
}

function eventLoop({ p50Ms, p99Ms, maxMs, utilisation }: Status['node']['eventLoop']): Cell[] {
  return [
    `late by ${p50Ms.toFixed(1)} ms (p50), `,
    { text: `${p99Ms.toFixed(1)} ms (p99)`, style: gradeStyle(p99Ms, LAG_WARN_MS, LAG_BAD_MS) },
    `, ${maxMs.toFixed(0)} ms at most, `,
    { text: `${Math.round(utilisation * 100)} % busy`, style: gradeStyle(utilisation, BUSY_WARN, BUSY_BAD) },
  ];
}

function diskSpace({ dataBytes, freeBytes }: Status['node']['disk']): Cell[] {
  const data = dataBytes === null ? 'data cannot be read' : `${roundSize(dataBytes)} of data`;
  if (freeBytes === null) return [data];
  return [
    `${data}, `,
    {
      text: `${roundSize(freeBytes)} free`,
      style: gradeStyle(-freeBytes, -FREE_WARN_BYTES, -FREE_BAD_BYTES),
    },
  ];
}

function owner({ did, invitedBy, fault }: Status['node']['operator']): Cell[] {
  const how = invitedBy === null ? ', whose key is here' : `\ninvited by ${invitedBy}`;
  return fault === null ? [did, how] : [did, how, '\n', { text: fault, style: 'red' }];
}

/** `20MB used of 50MB, 30MB free`. */
export function roomOf({
  capacityBytes,
  usedBytes,
  availableBytes,
}: Pick<StorageStatus, 'capacityBytes' | 'usedBytes' | 'availableBytes'>): Cell[] {
  const free: Cell = {
    text: `${roundSize(availableBytes)} free`,
    style: availableBytes > 0 ? 'green' : 'red',
  };
  if (capacityBytes === 0) return ['keeps nothing; ', free, ' for what passes through'];
  return [`${roundSize(usedBytes)} used of ${formatSize(capacityBytes)}, `, free];
}

function uploadsOf({ uploads }: Status['node']['storage']): Cell[] {
  if (uploads.count === 0) return [];
  return [`, ${uploads.count} uploads under way (${roundSize(uploads.bytes)})`];
}

/** Green up to `warn`, yellow up to `bad`, then red. */
function gradeStyle(value: number, warn: number, bad: number): Style {
  if (value <= warn) return 'green';
  return value <= bad ? 'yellow' : 'red';
}

/** An address without the peer id that is said already. */
export function withoutPeerId(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '');
}

/** The line under what is redrawn. */
export function watchHint(): string {
  return `\n${styled('every second; Ctrl-C ends', 'dim')}`;
}
