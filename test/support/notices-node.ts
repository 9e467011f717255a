import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { NoticeRoom } from '../../node/namespaces/notice-room.ts';
import { NamespacesService } from '../../node/namespaces/service.ts';
import { createNetwork, type Network } from '../../node/network/libp2p.ts';
import { EventLog } from '../../node/observability/events.ts';
import { libp2pLogger } from '../../node/observability/libp2p-logger.ts';
import { createCrypto } from '../../node/runtime/crypto.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { type Fault, Refusal } from '../../protocols/common/refusal.ts';
import type { NoticeAct } from '../../protocols/namespaces/index.ts';
import { testConfig } from './config.ts';
import { didOf } from './did.ts';
import { type Author, authorOf, SWARM, sha256 } from './envelopes.ts';
import { type Cleanup, until } from './processes.ts';
import { silentLogger } from './silent-logger.ts';

/** Why a chain does not show what it should. */
export class ChainRefusal extends Refusal {
  readonly fault: Fault;

  constructor(fault: Fault, message: string, isExcusable = false) {
    super('chain_test', message, isExcusable);
    this.fault = fault;
  }
}

/** A link of the tests: whoever `as` is, the key of `author` may act for them. */
export function linkTo(author: Author): Buffer {
  return Buffer.concat([Buffer.from('delegates to '), author.multikey]);
}

/** Digest by which a test's link is revoked. */
export function linkDigest(author: Author): Buffer {
  return sha256(linkTo(author));
}

/**
 * Stands in for chains: the author acts for itself, or over one link that names it and was not revoked by `as`. Other tests cover
 * real chains.
 */
export function verifier(service: () => Pick<NamespacesService, 'revokersOf'>) {
  return (act: NoticeAct): void => {
    const [link, more] = act.chain;
    const author = Buffer.from(act.author);
    if (link === undefined) {
      const own = didOf({ ...NOBODY, multikey: author });
      if (own !== act.as) throw new ChainRefusal('sender', 'the author is not who it says');
      return;
    }
    const names = Buffer.concat([Buffer.from('delegates to '), author]).equals(link);
    if (more !== undefined || !names) throw new ChainRefusal('sender', 'the chain does not hold');
    const isRevoked =
      service()
        .revokersOf({ link: sha256(link) })
        ?.has(act.as) ?? false;
    if (isRevoked && !act.isEndorsed) throw new ChainRefusal('context', 'the link was revoked');
  };
}

const NOBODY = authorOf(Buffer.alloc(32, 9));

export interface NoticesNodeOptions {
  readonly through?: readonly NoticesNode[];
  /** A data directory that outlives the node; a fresh one otherwise. */
  readonly data?: string;
  readonly seed?: number;
  readonly events?: EventLog;
  readonly room?: NoticeRoom;
}

/** libp2p as a node has it, and nothing on it but namespaces. */
export class NoticesNode {
  readonly network: Network;
  readonly service: NamespacesService;

  private constructor(network: Network, service: NamespacesService) {
    this.network = network;
    this.service = service;
  }

  static async start(t: Cleanup, options: NoticesNodeOptions = {}): Promise<NoticesNode> {
    const data = options.data ?? mkdtempSync(join(tmpdir(), 'maillon-notices-'));
    const logger = silentLogger();
    let made: NamespacesService | undefined;
    const { network } = await createNetwork({
      config: testConfig(data),
      role: 'full',
      privateKey: keyOf(options.seed ?? Math.floor(Math.random() * 2 ** 32)),
      version: '0.0.0-test',
      listen: ['/ip4/127.0.0.1/tcp/0'],
      logger: libp2pLogger(logger),
      scoreOf: (peer) => made?.scoreOf(peer) ?? 0,
      onCopy: () => undefined,
      onFault: (_, error) => {
        throw error;
      },
    });
    const events = options.events ?? new EventLog({ logger, clock: systemClock });
    const service: NamespacesService = new NamespacesService(
      {
        network,
        crypto: createCrypto(),
        clock: systemClock,
        logger,
        events,
        verify: verifier(() => service),
        isNamed: ({ holder, naming }) =>
          !naming.some((link) => service.revokersOf({ link: sha256(link) })?.has(holder)),
      },
      { swarm: SWARM, data, ...(options.room === undefined ? {} : { room: options.room }) },
    );
    made = service;
    const node = new NoticesNode(network, service);
    t.after(async () => {
      await node.stop();
      if (options.data === undefined) rmSync(data, { recursive: true, force: true });
    });
    await network.start();
    await service.start();
    for (const other of options.through ?? []) await node.join(other);
    return node;
  }

  get id(): string {
    return this.network.peerId.toString();
  }

  get address(): Multiaddr {
    const [address] = this.network.getMultiaddrs();
    if (address === undefined) throw new Error('the node does not listen');
    return address;
  }

  async join(other: NoticesNode): Promise<void> {
    await this.network.dial(other.address);
  }

  async leave(other: NoticesNode): Promise<void> {
    await this.network.hangUp(other.network.peerId);
    await until(
      'the other one is gone',
      () => other.network.getConnections(this.network.peerId).length === 0,
    );
  }

  /** Waits until gossip of each leads to the other. */
  async meshWith(other: NoticesNode): Promise<void> {
    await until('the two are in one mesh', () =>
      [
        [this, other],
        [other, this],
      ].every(([a, b]) => a?.network.services.gossip.getMeshPeers(TOPIC).includes(b?.id ?? '')),
    );
  }

  score(of: { readonly id: string }): number {
    return this.network.services.gossip.getScore(of.id);
  }

  async stop(): Promise<void> {
    await this.service.stop();
    await this.network.stop();
  }
}

export const TOPIC = '/maillon/namespaces/1';

function keyOf(seed: number): Ed25519PrivateKey {
  const { key, publicKey } = authorOf(sha256(Buffer.from(`node ${seed}`)));
  const raw = key.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const made = privateKeyFromRaw(Buffer.concat([raw, publicKey]));
  if (made.type !== 'Ed25519') throw new Error('not an Ed25519 key');
  return made;
}
