import { peerIdFromString } from '@libp2p/peer-id';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { didKey, encodeMultikey } from '../../protocols/common/did-key.ts';
import { decodeLink } from '../../protocols/identity/index.ts';
import { BoundedCache } from '../namespaces/bounded-cache.ts';
import type { Namespaces } from '../namespaces/interface.ts';
import type { Chain } from './extender.ts';

export interface SponsorRegistryComponents {
  readonly namespaces: Pick<Namespaces, 'historyOf' | 'revokersOf' | 'sponsorsOf' | 'onChange'>;
  readonly crypto: Pick<Crypto, 'sha256'>;
}

/** Namespaces whose sponsors are remembered. */
const REMEMBERED_MAX = 10_000;
/** Peer ids whose DIDs are remembered: as many as there may be members. */
const PEERS_MAX = 8_192;

/**
 * Knows which operators sponsor a namespace: its holder, whose own nodes hold a delegation, and those that it named; and which nodes their operators
 * withdrew that delegation from.
 */
export class SponsorRegistry {
  readonly #components: SponsorRegistryComponents;
  readonly #swarm: string;
  readonly #sponsors = new BoundedCache<readonly ReadonlySet<string>[]>(REMEMBERED_MAX);
  readonly #dids = new BoundedCache<string>(PEERS_MAX);
  readonly #links = new WeakMap<Chain, readonly Uint8Array[]>();
  #version = 0;

  constructor(components: SponsorRegistryComponents, init: { readonly swarm: string }) {
    this.#components = components;
    this.#swarm = init.swarm;
    components.namespaces.onChange(() => {
      this.#version += 1;
      this.#sponsors.clear();
    });
  }

  /** Grows when what `of` and `isRevoked` say may be something else. */
  get version(): number {
    return this.#version;
  }

  /** The operators that the present holder chose, then those of the holders before. */
  of({
    owner,
    namespace,
  }: {
    readonly owner: string;
    readonly namespace: string;
  }): readonly ReadonlySet<string>[] {
    const key = `${namespace}\n${owner}`;
    const known = this.#sponsors.get(key);
    if (known !== undefined) return known;
    const { namespaces } = this.#components;
    const holders = namespaces.historyOf(owner, namespace).map(({ holder }) => holder);
    const sets = [...new Set([...holders.toReversed(), owner])].map(
      (holder) => new Set(namespaces.sponsorsOf(owner, namespace, holder)),
    );
    this.#sponsors.keep(key, sets);
    return sets;
  }

  /** Whether `operator` withdrew its trust in the node with this peer id, or in a link of the chain that leads to it. */
  isRevoked(operator: string, id: string, chain: Chain = []): boolean {
    const { namespaces } = this.#components;
    if (namespaces.revokersOf({ did: this.#didOf(id) })?.has(operator) === true) return true;
    return this.#digestsOf(chain).some((link) => namespaces.revokersOf({ link })?.has(operator) === true);
  }

  #didOf(id: string): string {
    const known = this.#dids.get(id);
    if (known !== undefined) return known;
    const { publicKey } = peerIdFromString(id);
    // nodes of this swarm have Ed25519 keys, which their peer ids hold
    const did = publicKey?.type === 'Ed25519' ? didKey(encodeMultikey(publicKey.raw)) : '';
    this.#dids.keep(id, did);
    return did;
  }

  #digestsOf(chain: Chain): readonly Uint8Array[] {
    const known = this.#links.get(chain);
    if (known !== undefined) return known;
    const digests = chain.map((link) => decodeLink(link, this.#components.crypto, this.#swarm).link.digest);
    this.#links.set(chain, digests);
    return digests;
  }
}
