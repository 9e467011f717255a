/** A replica alone: a store, what answers for it and what copies into it, over libp2p. No directory, no members, no upkeep. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, connect as dial, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { BlobExchange } from '../../node/blobs/exchange.ts';
import type { Network } from '../../node/network/libp2p.ts';
import { createCrypto } from '../../node/runtime/crypto.ts';
import { createStorageServiceMetrics } from '../../node/storage/api/counters.ts';
import { BlobFetches } from '../../node/storage/blobs/blob-fetches.ts';
import { BlobRequestHandler } from '../../node/storage/blobs/request-handler.ts';
import type { Members } from '../../node/storage/placement/members.ts';
import type { PartitionStates } from '../../node/storage/placement/partition-states.ts';
import type { ReplicaPlacement } from '../../node/storage/placement/replica-placement.ts';
import { type ReplicaPartsComponents, replicaParts } from '../../node/storage/replica/parts.ts';
import { RpcClient } from '../../node/storage/rpc/client.ts';
import { RpcServer } from '../../node/storage/rpc/server.ts';
import type { PartitionPlace, RecordStore } from '../../node/storage/store/interface.ts';
import type { Copier } from '../../node/storage/sync/copier.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import {
  type Answers,
  decodeRecord,
  encodeBody,
  encodeRecord,
  Partitions,
  partitionOf,
  RecordAdmission,
  type RecordKind,
  RequestQuotas,
  type SignedRecord,
  signingBytes,
} from '../../protocols/storage/index.ts';
import { blobHome } from './blob-store.ts';
import { OWNER } from './owner.ts';
import { silentLogger } from './silent-logger.ts';
import { openStore } from './store-records.ts';

const SWARM = 'maillon';
const VIEW = '0'.repeat(16);
const GIB = 2 ** 30;
/** Nothing waits for copying here. */
const BYTES_PER_SECOND = GIB;
/** Timeout of the largest pull. */
const PULL_TIMEOUT_MS = 600_000;
const NO_SIGNATURE = new Uint8Array(64);
const NO_VALUE = new Uint8Array();

const crypto = createCrypto();
const clock = systemClock;
const logger = silentLogger();
export const partitions = new Partitions({ crypto }, { swarm: SWARM });
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const author = Buffer.concat([
  Buffer.of(0xed, 0x01),
  publicKey.export({ format: 'der', type: 'spki' }).subarray(-32),
]);

export const PLACE: PartitionPlace = {
  owner: OWNER.did,
  namespace: 'reconciled',
  namespaceId: partitions.namespaceId({ owner: OWNER.did, namespace: 'reconciled' }),
  partition: 0,
};

/** Everybody may write everything. */
const authorise = (): void => undefined;
const isAuthorisedNow = (): Promise<boolean> => Promise.resolve(true);

/** Keys of one partition. */
export function* keys(): Generator<string, never> {
  for (let n = 0; ; n++) {
    const key = `records/${n}`;
    if (partitionOf(crypto, key) === PLACE.partition) yield key;
  }
}

export interface Made {
  readonly value?: Uint8Array;
  /** 0: a value, 1: a tombstone. */
  readonly kind?: RecordKind;
  /** Part of the version. */
  readonly counter?: number;
  /** False for one that never travels, so that nobody verifies it. */
  readonly isSigned?: boolean;
}

const MADE_AT = Date.now() - 60_000;

export function makeRecord(
  key: string,
  { value = NO_VALUE, kind = 0, counter = 0, isSigned = true }: Made,
): SignedRecord {
  const { owner, namespace } = PLACE;
  const names = { owner, namespace, key, author, ms: MADE_AT, counter, time: MADE_AT, expiry: null };
  const body = encodeBody({ ...names, kind, contentType: '', value, chain: [], ext: {} });
  if (!isSigned) return decodeRecord(encodeRecord(body, NO_SIGNATURE), crypto);
  const signature = sign(null, signingBytes(SWARM, crypto.sha256(body)), privateKey);
  return decodeRecord(encodeRecord(body, signature), crypto);
}

type Ask = ReplicaPartsComponents['ask'];

export class ReplicaNode {
  readonly id: string;
  readonly store: RecordStore;
  readonly copier: Copier;
  readonly metrics = createStorageServiceMetrics();
  readonly network: Network;
  readonly ask: Ask;
  readonly #directory: string;
  readonly #wire: RpcClient;
  readonly #server: RpcServer;

  private constructor(network: Network, peers: () => readonly string[]) {
    this.network = network;
    this.id = network.peerId.toString();
    this.#directory = mkdtempSync(join(tmpdir(), 'maillon-replica-'));
    this.store = openStore(this.#directory, {
      clock,
      capacityBytes: () => 4 * GIB,
      quotaOf: () => ({ bytes: 4 * GIB, keys: 10_000_000, isSponsored: true }),
    });
    this.#wire = new RpcClient({ network, addressesOf: () => [] });
    const { metrics, store } = this;
    const admission = new RecordAdmission(
      { crypto, clock, partitions, authorise, metrics },
      { swarm: SWARM },
    );
    const places = placesOf(peers);
    this.ask = (id, request, signal) => this.#wire.request(id, request, signal);
    const blobs = blobHome(this.#directory, { clock });
    const exchange = new BlobExchange({ crypto, ask: this.ask, onLie: () => undefined });
    const { replica, copier } = replicaParts(
      {
        crypto,
        clock,
        logger,
        store,
        members: MEMBERS,
        places,
        states: STANDINGS,
        partitions,
        admission,
        isAuthorisedNow,
        blobs,
        blobRequests: new BlobRequestHandler({ blobs, isPublic: () => false }),
        fetches: new BlobFetches({ blobs, exchange, clock }),
        metrics,
        ask: this.ask,
        onReady: () => undefined,
        onCorrupt: () => undefined,
      },
      { self: this.id, operator: '', downTimeoutMs: PULL_TIMEOUT_MS, bytesPerSecond: BYTES_PER_SECOND },
    );
    this.copier = copier;
    const quotas = new RequestQuotas({ clock });
    const answer = replica.answer.bind(replica);
    this.#server = new RpcServer({
      network,
      admission,
      quotas,
      logger,
      metrics,
      answer: (request, peer) => answer(request, peer),
    });
  }

  static async start(peers: () => readonly string[]): Promise<ReplicaNode> {
    const libp2p = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    });
    const node = new ReplicaNode(libp2p as unknown as Network, peers);
    await node.#server.start();
    return node;
  }

  async stop(): Promise<void> {
    this.#wire.stop();
    await this.#server.stop();
    await this.network.stop();
    await this.store.close();
    rmSync(this.#directory, { recursive: true });
  }

  /** Reviews another replica: compares states and, where they differ, pulls from it and has it pull. True: they did not. */
  async review(other: string): Promise<boolean> {
    const { partition, owner, namespace } = PLACE;
    const signal = AbortSignal.timeout(PULL_TIMEOUT_MS);
    const state = await this.#wire.request(other, { type: 'state', owner, namespace, partition }, signal);
    const own = this.store.summary(PLACE);
    if (own?.count === state.count && Buffer.from(own.fingerprint).equals(state.fingerprint)) return true;
    await this.pull(other);
    await this.#wire.request(other, { type: 'handover', owner, namespace, partition }, signal);
    return false;
  }

  /** Takes over what the other one has, whether they are the same or not. */
  async pull(other: string, signal = AbortSignal.timeout(PULL_TIMEOUT_MS)): Promise<void> {
    await this.copier.pull(other, PLACE, PLACE, signal);
  }
}

/** Everybody it is asked by is a member. */
const MEMBERS = { isMember: () => true, gone: [] } as unknown as Members;

const STANDING: Answers['handover'] & { isReplica: boolean; origin: string } = {
  setId: VIEW,
  isReplica: true,
  isSynced: true,
  origin: VIEW,
};
/** The replica set is fixed here. */
const STANDINGS = {
  of: () => STANDING,
  isStale: () => false,
  isWithheld: () => false,
} as unknown as PartitionStates;

function placesOf(peers: () => readonly string[]): ReplicaPlacement {
  const of = (): unknown => ({
    replicas: peers().map((id) => ({ id, isLive: true })),
    setId: VIEW,
    isReplica: true,
    isSponsored: true,
  });
  return { of } as unknown as ReplicaPlacement;
}

/** Passes bytes on, and counts them: all that the two say to each other. */
export class CountingProxy {
  bytes = 0;
  readonly #server: Server;

  private constructor(target: number) {
    this.#server = createServer((client) => {
      const upstream = dial(target, '127.0.0.1');
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        from.setNoDelay(true);
        from.on('data', (data: Buffer) => void (this.bytes += data.byteLength));
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
      }
    });
  }

  static async before(network: Network): Promise<CountingProxy> {
    const [address] = network.getMultiaddrs();
    const proxy = new CountingProxy(Number(/\/tcp\/(\d+)/.exec(String(address))?.[1]));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  async connect(from: Network): Promise<void> {
    const { port } = this.#server.address() as AddressInfo;
    await from.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}`));
  }

  stop(): void {
    this.#server.close();
  }
}
