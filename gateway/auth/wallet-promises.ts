/** The operator's promise to wallets: room that no other wallet can take, and replicas that last. */
import type { Config, Logger, MaillonNode } from '../../node/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { custodyGroup } from '../../protocols/common/custody.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { GatewayError } from '../core/errors.ts';
import type { State } from '../state/index.ts';
import { custodyNamespace } from './custody.ts';
import type { WalletDelegation } from './delegations.ts';
import { PROMISED_REMEMBERED_MAX } from './limits.ts';

/** A wallet in one of its namespaces. */
export interface PromisedHolder {
  readonly did: string;
  readonly namespace: string;
}

export interface WalletPromisesComponents {
  readonly node: Pick<
    MaillonNode,
    'owner' | 'namespaces' | 'sponsor' | 'endSponsorship' | 'walletShares' | 'status'
  >;
  readonly state: State;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface WalletPromisesInit {
  /** Wallets on the operator's sponsor list have no individual bound. */
  readonly sponsored: readonly string[];
  readonly promise: 'durable' | 'day';
  readonly bytesEach: number;
  readonly bytesTotal: number;
}

/** The promise to one wallet, and its usage of this node. */
export interface WalletUse {
  /** Its DID; null for one that another gateway of the operator knows. */
  readonly wallet: string | null;
  /** When it was promised room, milliseconds since the Unix epoch; null for one that was not. */
  readonly since: number | null;
  /** Whether a sponsorship says so to every node. */
  readonly isNamed: boolean;
  readonly namespaces: number;
  readonly keys: number;
  readonly bytes: number;
}

/** The promises to all wallets, and their usage of this node. */
export interface WalletUsageReport {
  readonly promise: 'durable' | 'day';
  readonly bytesEach: number;
  readonly bytesTotal: number;
  /** Wallets that can be promised room, and those that are. */
  readonly walletsMax: number;
  readonly promised: number;
  /** Bytes of all wallets at this node. */
  readonly bytes: number;
  readonly wallets: readonly WalletUse[];
}

const WALLET_DID = 'did:pkh:';

/** Half of the node's room unless the operator says how much. */
export function walletPromisesInit(config: Config): WalletPromisesInit {
  return {
    sponsored: config['storage.sponsored'],
    promise: config['wallets.promise'],
    bytesEach: config['wallets.bytesEach'],
    bytesTotal: config['wallets.bytesTotal'] || Math.floor(config['storage.capacityBytes'] / 2),
  };
}

/** Promises wallets room, as many as `bytesEach` of `bytesTotal` is there for: what one was promised no other can take. */
export class WalletPromises {
  readonly #components: WalletPromisesComponents;
  readonly #init: WalletPromisesInit;
  readonly #sponsored: ReadonlySet<string>;
  /** The promise to wallets that delegate to this node; null before it was needed. */
  #kept: WalletUsageReport['promise'] | null = null;
  /** Wallets that are in the state. */
  readonly #promised = new Set<string>();

  constructor(components: WalletPromisesComponents, init: WalletPromisesInit) {
    this.#components = components;
    this.#init = init;
    this.#sponsored = new Set(init.sponsored);
  }

  /** Wallets that can be promised room. */
  get max(): number {
    const { bytesEach, bytesTotal } = this.#init;
    return Math.floor(bytesTotal / bytesEach);
  }

  /**
   * Keeps room for a wallet that is to store something, and where it delegated to this node lets every node know that the operator
   * sponsors it: once, whatever becomes of the sign-in. Throws `no_room` when all of it is promised to others.
   */
  async keep(holder: PromisedHolder, delegation: WalletDelegation | null): Promise<void> {
    const { did, namespace } = holder;
    if (delegation === null) return this.#reserve(did);
    if (this.#promise === 'day' || delegation.custody !== 'delegated') return;
    const { node } = this.#components;
    if (node.namespaces.sponsorsOf(did, namespace).includes(node.owner)) return;
    await this.#reserve(did);
    try {
      await node.sponsor(delegation.chain);
    } catch (error) {
      // it delegated no right to write, or handed the namespace on: the write itself is refused for that
      if (!(error instanceof CodedError) || error.code !== 'forbidden') throw error;
    }
  }

  /**
   * The promise to wallets that sign in by message. A machine that was invited has no right to accept in its operator's name
   * (namespaces/SPEC.md): it promises a day whatever the settings say, reserves no room, and says so once.
   */
  get #promise(): WalletUsageReport['promise'] {
    if (this.#kept !== null) return this.#kept;
    const { node, logger } = this.#components;
    const isInvited = node.status().operator.invitedBy !== null;
    this.#kept = isInvited ? 'day' : this.#init.promise;
    if (isInvited && this.#init.promise === 'durable') {
      logger.warn(
        "wallets.promise is durable, but this machine was invited and accepts nothing in its operator's name: what wallets that sign in by message store here is kept for a day at most; let them sign in at a gateway of the machine that holds the owner's key",
      );
    }
    return this.#kept;
  }

  /** Every wallet that was promised room, or takes any here; those that take most first. */
  async usage(): Promise<WalletUsageReport> {
    const wallets = (await this.#uses()).toSorted((a, b) => b.bytes - a.bytes);
    const { bytesEach, bytesTotal } = this.#init;
    return {
      promise: this.#promise,
      bytesEach,
      bytesTotal,
      walletsMax: this.max,
      promised: wallets.filter(({ since }) => since !== null).length,
      bytes: wallets.reduce((sum, { bytes }) => sum + bytes, 0),
      wallets,
    };
  }

  /**
   * Ends a promise: the wallet's room is free for another wallet, and its values stay until they expire or are deleted. Throws `not_found` for
   * one that was promised nothing.
   */
  async end(did: string): Promise<void> {
    const { node, state, clock } = this.#components;
    const named = node.namespaces.sponsorshipsBy(node.owner).filter(({ holder }) => holder === did);
    const [row] = await state.query('SELECT did FROM wallet_promises WHERE did = ? AND ended_at IS NULL', [
      did,
    ]);
    if (row === undefined && named.length === 0) {
      throw new GatewayError(
        'not_found',
        `no wallet ${did} is promised anything here: maillon usage lists those that are`,
      );
    }
    const now = clock.now();
    await state.execute([
      {
        sql: `INSERT INTO wallet_promises (did, promised_at, ended_at) VALUES (?, ?, ?)
          ON CONFLICT (did) DO UPDATE SET ended_at = excluded.ended_at`,
        args: [did, now, now],
      },
    ]);
    this.#promised.delete(did);
    for (const sponsorship of named) await node.endSponsorship(sponsorship);
  }

  async #uses(): Promise<WalletUse[]> {
    const { node, state } = this.#components;
    const rows = await state.query('SELECT did, promised_at FROM wallet_promises WHERE ended_at IS NULL');
    const since = new Map(rows.map((row) => [String(row['did']), Number(row['promised_at'])]));
    const named = new Map(this.#named().map(({ holder, time }) => [holder, time]));
    const shares = new Map(node.walletShares().map((share) => [share.wallet, share]));
    const known = [...new Set([...since.keys(), ...named.keys(), ...didsOf(shares.keys())])];
    const uses = known.map((did): WalletUse => {
      const groups = [did, groupOf(did)];
      const found = groups.flatMap((group) => shares.get(group) ?? []);
      for (const group of groups) shares.delete(group);
      return {
        wallet: did,
        since: since.get(did) ?? named.get(did) ?? null,
        isNamed: named.has(did),
        namespaces: found.reduce((sum, { namespaces }) => sum + namespaces, 0),
        keys: found.reduce((sum, { keys }) => sum + keys, 0),
        bytes: found.reduce((sum, { bytes }) => sum + bytes, 0),
      };
    });
    const others = [...shares.values()].map(({ namespaces, keys, bytes }): WalletUse => {
      return { wallet: null, since: null, isNamed: false, namespaces, keys, bytes };
    });
    return [...uses, ...others];
  }

  async #reserve(did: string): Promise<void> {
    if (this.#promised.has(did) || this.#sponsored.has(did)) return;
    const { state, clock } = this.#components;
    const rows = await state.query('SELECT did FROM wallet_promises WHERE ended_at IS NULL LIMIT ?', [
      this.max + 1,
    ]);
    const here = new Set(rows.map((row) => String(row['did'])));
    // those that other gateways of this operator promised room
    const elsewhere = new Set(
      this.#named()
        .map(({ holder }) => holder)
        .filter((holder) => !here.has(holder)),
    );
    const max = elsewhere.delete(did) ? Number.MAX_SAFE_INTEGER : this.max - elsewhere.size;
    await state.execute([
      {
        sql: `INSERT INTO wallet_promises (did, promised_at)
          SELECT ?, ? WHERE (SELECT count(*) FROM wallet_promises WHERE ended_at IS NULL) < ? ON CONFLICT (did) DO NOTHING`,
        args: [did, clock.now(), max],
      },
    ]);
    const [row] = await state.query('SELECT ended_at FROM wallet_promises WHERE did = ?', [did]);
    if (row === undefined) throw this.#full();
    if (row['ended_at'] !== null) {
      throw new GatewayError(
        'no_room',
        'the operator of this gateway ended what it promised this wallet: ask it why, or sign in at another gateway',
      );
    }
    if (this.#promised.size >= PROMISED_REMEMBERED_MAX) this.#promised.clear();
    this.#promised.add(did);
  }

  /** Wallets that the operator sponsors, and does not choose by its list. */
  #named(): { readonly holder: string; readonly time: number }[] {
    const { node } = this.#components;
    return node.namespaces
      .sponsorshipsBy(node.owner)
      .filter(({ holder }) => holder.startsWith(WALLET_DID) && !this.#sponsored.has(holder));
  }

  #full(): GatewayError {
    const message =
      'all the room that this gateway promises wallets is taken: ask its operator for more (wallets.bytesTotal), or sign in at another gateway';
    return new GatewayError('no_room', message, { wallets: this.max, bytesEach: this.#init.bytesEach });
  }
}

function didsOf(wallets: Iterable<string>): string[] {
  return [...wallets].filter((wallet) => wallet.startsWith(WALLET_DID));
}

/** The name under which the node counts the namespaces that the operator holds for a wallet. */
function groupOf(did: string): string {
  return custodyGroup(custodyNamespace(did, 'default')) ?? '';
}
