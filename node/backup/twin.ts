/** Finds out at a start whether a node with the same identity runs already: two would be one peer to everybody else. */
import { existsSync } from 'node:fs';
import { multiaddr } from '@multiformats/multiaddr';
import { equalBytes } from '../../protocols/common/bytes.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { encodeMultikey } from '../../protocols/common/did-key.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { decodeAnnouncement, decodePage, encodeRequest, signingBytes } from '../../protocols/nodes/index.ts';
import type { Config } from '../config/schema.ts';
import { PAGE_QUESTIONS } from '../directory/limits.ts';
import type { Identity } from '../identity/identity.ts';
import { createInquirer, type Inquirer } from '../network/libp2p.ts';
import type { Logger } from '../observability/logger.ts';
import { bookPath, readBook } from '../peers/book-file.ts';
import { isOriginalRunning, readRestored } from '../storage/replica/restored-file.ts';
import { Questions } from '../transport/questions.ts';
import { TWIN_CHECK_MS, TWIN_PEERS_MAX } from './limits.ts';

export interface TwinComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly logger: Logger;
}

export interface TwinInit {
  readonly config: Config;
  readonly version: string;
}

/** An address at which this identity answers; `none`: it answers nowhere; `unknown`: no peer could be asked. */
type Finding = { readonly address: string } | 'none' | 'unknown';

/**
 * Throws `twin_running` where this identity answers elsewhere in the swarm, or the node that it was restored from runs on this machine. Peers
 * are asked under another key: nobody sees this node before that is known.
 */
export async function refuseTwin(components: TwinComponents, init: TwinInit): Promise<void> {
  const { identity, logger } = components;
  const { data } = init.config;
  const restored = readRestored(data);
  if (restored !== null && isOriginalRunning(restored, { data, peerId: identity.peerId })) {
    throw twinRunning(identity.peerId, `on the data directory ${restored.data}`);
  }
  const finding = await findTwin(components, init);
  if (typeof finding === 'object') throw twinRunning(identity.peerId, `at ${finding.address}`);
  if (restored === null) return;
  const asOf = new Date(restored.at).toISOString();
  if (finding === 'none') logger.info({ asOf }, 'this node was restored from a backup');
  else {
    const message =
      'this node was restored from a backup, and no peer could say whether the original runs: make sure that it does not';
    logger.warn({ asOf }, message);
  }
}

function twinRunning(peerId: string, where: string): CodedError {
  const message = `a node with this identity (${peerId}) runs ${where}: stop it first, or give this one another identity (maillon restore --without-identity)`;
  return new CodedError('twin_running', message);
}

async function findTwin(components: TwinComponents, init: TwinInit): Promise<Finding> {
  const { identity, logger } = components;
  const peers = peersToAsk(init.config, logger).filter((one) => !one.endsWith(`/p2p/${identity.peerId}`));
  if (peers.length === 0) return 'unknown';
  const signal = AbortSignal.timeout(TWIN_CHECK_MS);
  const inquirer = await createInquirer(init);
  try {
    await inquirer.start();
    const search = new TwinSearch(components, { ...init, inquirer, signal });
    return await search.run(peers);
  } finally {
    await inquirer.stop();
  }
}

/** Addresses of bootstrap peers and of peers of earlier runs, each ending in a peer id. */
function peersToAsk(config: Config, logger: Logger): string[] {
  const book = existsSync(bookPath(config.data)) ? readBook(bookPath(config.data), logger) : [];
  const known = book
    .toSorted((a, b) => a.failures - b.failures || b.lastSuccess - a.lastSuccess)
    .flatMap(({ addresses }) => addresses.slice(0, 1));
  return [...new Set([...config.bootstrap, ...known])].slice(0, TWIN_PEERS_MAX);
}

class TwinSearch {
  readonly #components: TwinComponents;
  readonly #init: TwinInit & { readonly inquirer: Inquirer; readonly signal: AbortSignal };
  readonly #questions: Questions;
  readonly #author: Uint8Array;

  constructor(
    components: TwinComponents,
    init: TwinInit & { readonly inquirer: Inquirer; readonly signal: AbortSignal },
  ) {
    this.#components = components;
    this.#init = init;
    this.#author = encodeMultikey(components.identity.signer.publicKey);
    const { logger } = components;
    this.#questions = new Questions({ network: init.inquirer, logger, answer: nothing }, PAGE_QUESTIONS);
  }

  /** Asks all of them, and dials each address that one of them names for this identity. */
  async run(peers: readonly string[]): Promise<Finding> {
    const tried = new Set<string>();
    const findings = await Promise.all(
      peers.map(async (peer): Promise<Finding> => {
        const addresses = await this.#ask(peer).catch((error: unknown) => {
          this.#components.logger.debug({ peer, reason: errorMessage(error) }, 'a peer could not be asked');
          return null;
        });
        if (addresses === null) return 'unknown';
        const fresh = addresses.filter((address) => !tried.has(address));
        for (const address of fresh) tried.add(address);
        const reached = await Promise.all(fresh.map((address) => this.#answers(address)));
        return reached.find((one) => one !== null) ?? 'none';
      }),
    );
    const found = findings.find((one) => typeof one === 'object');
    return found ?? (findings.includes('none') ? 'none' : 'unknown');
  }

  /** Where a peer says that this identity is; nowhere where nobody has announced it lately. */
  async #ask(peer: string): Promise<string[]> {
    const { inquirer, signal } = this.#init;
    const { remotePeer } = await inquirer.dial(multiaddr(peer), { signal });
    const request = encodeRequest({ cursor: before(this.#author), limit: 1 });
    const page = decodePage(await this.#questions.ask(remotePeer, request, signal));
    if (page.error !== '') throw new Error(`it answered ${page.error}`);
    const [bytes] = page.announcements;
    return bytes === undefined ? [] : this.#addressesIn(bytes);
  }

  async #addressesIn(bytes: Uint8Array): Promise<string[]> {
    const { crypto, clock, identity } = this.#components;
    const announcement = decodeAnnouncement(bytes, crypto);
    const { author, digest, signature, expiry, addresses } = announcement;
    if (!equalBytes(author, this.#author) || expiry <= clock.now()) return [];
    const signed = signingBytes(this.#init.config.swarm, digest);
    if (!(await crypto.verifyEd25519(identity.signer.publicKey, signed, signature))) return [];
    return addresses.map((address) => `${multiaddr(address).toString()}/p2p/${identity.peerId}`);
  }

  /** The handshake shows that whoever answers has this identity's key. */
  async #answers(address: string): Promise<Finding | null> {
    const { inquirer, signal } = this.#init;
    try {
      await inquirer.dial(multiaddr(address), { signal });
      return { address };
    } catch {
      return null;
    }
  }
}

/** Nobody asks it anything. */
function nothing(): Uint8Array {
  return new Uint8Array();
}

/** The key before another one, in bytewise order. */
function before(key: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(key);
  for (let at = bytes.byteLength - 1; at >= 0; at--) {
    const byte = bytes[at] ?? 0;
    bytes[at] = byte === 0 ? 0xff : byte - 1;
    if (byte > 0) break;
  }
  return bytes;
}
