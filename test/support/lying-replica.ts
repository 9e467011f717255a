import type { TestContext } from 'node:test';
import type { Stream } from '@libp2p/interface';
import type { MaillonNode } from '../../node/index.ts';
import { createCrypto } from '../../node/runtime/crypto.ts';
import { kadIdOf } from '../../node/storage/placement/member-rules.ts';
import { Frames } from '../../node/transport/frames.ts';
import { LOOPBACK_PREFIX } from '../../protocols/common/address-prefix.ts';
import {
  type Answers,
  decodeRecord,
  decodeRequest,
  encodeAnswer,
  FINGERPRINT_BYTES,
  type PartitionId,
  type PartitionName,
  Partitions,
  placeOf,
  REPLICAS,
  type RequestType,
  replicaSetIdOf,
  replicasOf,
  STORAGE_PROTOCOL,
  type Stamp,
  type StorageRequest,
} from '../../protocols/storage/index.ts';
import { replicaAnnouncement } from './announcements.ts';
import { type Author, SWARM } from './envelopes.ts';
import { OWNER } from './owner.ts';
import { RawPeer } from './raw-peer.ts';
import { NOTHING_DIFFERS } from './raw-replica.ts';
import { idOf } from './storage.ts';

const crypto = createCrypto();

export type Held = Answers['get']['held'];

/** A member that says it is a synced home, acknowledges every write, keeps none, and reads out what it likes. */
export class LyingReplica {
  readonly peer: RawPeer;
  /** Entry it claims to hold under a key. */
  says: (key: string) => Held = () => null;
  /** Keys it was asked for, and records it was given. */
  readonly asked: string[] = [];
  readonly given: Uint8Array[] = [];
  readonly #members: string[];
  readonly #partitions = new Partitions({ crypto }, { swarm: SWARM });

  private constructor(peer: RawPeer, members: string[]) {
    this.peer = peer;
    this.#members = members;
  }

  /** Joins the swarm of `nodes`, which take it for a full node. */
  static async join(t: TestContext, nodes: readonly MaillonNode[], as: Author): Promise<LyingReplica> {
    const [first] = nodes;
    if (first === undefined) throw new Error('nobody to lie to');
    const peer = await RawPeer.connect(t, first, as, ['/ip4/127.0.0.1/tcp/0']);
    const liar = new LyingReplica(peer, [...nodes.map(idOf), peer.id]);
    await peer.handle(STORAGE_PROTOCOL, (stream) => liar.#serve(stream));
    peer.announce(replicaAnnouncement(as, peer.port));
    return liar;
  }

  #serve(stream: Stream): void {
    const frames: Frames = new Frames(stream, {
      onFrame: (frame) => {
        const { id, request } = decodeRequest(frame);
        frames.send(encodeAnswer(id, request.type, this.#answer(request) as never));
      },
      onEnd: () => undefined,
    });
  }

  #answer(request: StorageRequest): Answers[RequestType] {
    switch (request.type) {
      case 'get': {
        this.asked.push(request.key);
        return { ...this.#standing(this.#partitions.of(request)), held: this.says(request.key) };
      }
      case 'put': {
        this.given.push(request.record);
        const partition = this.#partitions.of(decodeRecord(request.record, crypto));
        return { ...this.#standing(partition), outcome: { status: 'stored' }, isDurable: true };
      }
      case 'list':
        return { ...this.#standing(this.#idOf(request)), entries: [], next: null };
      case 'fetch':
        return { records: request.keys.map(() => null) };
      case 'partitions':
        return { entries: [], next: null };
      case 'reconcile':
        return { ...this.#standing(request), message: NOTHING_DIFFERS };
      case 'entries':
        return { entries: request.ids.map(() => null) };
      case 'state':
        return { ...this.#standing(this.#idOf(request)), ...HOLDS_NOTHING };
      case 'has':
        return { has: request.cids.map(() => true) };
      case 'block':
        return { bytes: Buffer.from('not what was asked for') };
      case 'prefetch':
      case 'blob':
        return { blocks: 1, isWhole: true };
      case 'gone':
        return { gone: [] };
      default:
        return this.#standing(this.#idOf(request));
    }
  }

  #idOf(name: PartitionName): PartitionId {
    return { namespaceId: this.#partitions.namespaceId(name), partition: name.partition };
  }

  #standing(partition: PartitionId): { setId: string; isSynced: boolean } {
    const members = this.#members.map((id) => {
      const kadId = kadIdOf(crypto, id);
      return { id, kadId, prefix: LOOPBACK_PREFIX, isLive: true, operator: OWNER.did, isReady: true };
    });
    const replicaSet = replicasOf(placeOf(crypto, partition), members, new Set([OWNER.did]), {
      replicas: REPLICAS,
      distinctPrefixes: true,
    });
    return { setId: replicaSetIdOf(crypto, replicaSet), isSynced: true };
  }
}

const HOLDS_NOTHING = {
  isReplica: true,
  origin: null,
  count: 0,
  bytes: 0,
  fingerprint: new Uint8Array(FINGERPRINT_BYTES),
};

export function floor(stamp: Stamp): Held {
  return { kind: 'floor', stamp };
}
