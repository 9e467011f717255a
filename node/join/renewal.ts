import { hostname } from 'node:os';
import type { PeerId } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { backOffMs } from '../../protocols/common/back-off.ts';
import { equalBytes } from '../../protocols/common/bytes.ts';
import type { TimerClock } from '../../protocols/common/clock.ts';
import { encodeMultikey } from '../../protocols/common/did-key.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { RepeatingTask } from '../../protocols/common/repeating-task.ts';
import type { ChainVerifier } from '../../protocols/identity/index.ts';
import { JOIN_PROTOCOL, type JoinGrant, memberName, renew } from '../../protocols/join/index.ts';
import { peerOf } from '../directory/entry.ts';
import type { Identity } from '../identity/identity.ts';
import { type Membership, writeMembership } from '../identity/membership-file.ts';
import type { InvitedOperator } from '../identity/operator.ts';
import type { Network } from '../network/libp2p.ts';
import type { EventLog } from '../observability/events.ts';
import type { Questions } from '../transport/questions.ts';
import { checkGrant } from './grant.ts';
import {
  ISSUER_DIAL_TIMEOUT_MS,
  RENEWAL_ALARM_MS,
  RENEWAL_CHECK_MS,
  RENEWAL_LEFT_MS,
  RENEWAL_PEERS_MAX,
  RENEWAL_RETRY_MAX_MS,
  RENEWAL_RETRY_MS,
} from './limits.ts';

export interface RenewalComponents {
  readonly network: Network;
  readonly exchange: Questions;
  readonly clock: TimerClock;
  readonly identity: Identity;
  readonly operator: InvitedOperator;
  readonly verifier: ChainVerifier;
  readonly events: EventLog;
}

export interface RenewalInit {
  readonly membership: Membership;
  readonly data: string;
  /** When the delegation ends, milliseconds since the Unix epoch; null for never. */
  readonly endsAt: number | null;
}

/**
 * Renews the delegations of an invited machine long before they end: it asks the node that invited it, then connected peers that hold an
 * owner's key. Where nobody can be asked it tries again, with back-off, and everything works until the end.
 */
export class Renewal {
  readonly #components: RenewalComponents;
  readonly #data: string;
  #membership: Membership;
  #endsAt: number | null;
  #fault: string | null = null;
  #failures = 0;
  #dueAt = 0;
  readonly #renewing: RepeatingTask;

  constructor(components: RenewalComponents, { membership, data, endsAt }: RenewalInit) {
    this.#components = components;
    this.#data = data;
    this.#membership = membership;
    this.#endsAt = endsAt;
    const { clock } = components;
    this.#renewing = new RepeatingTask(
      {
        clock,
        run: (signal) => (this.#isDue ? this.#renew(signal) : undefined),
        onError: (error) => this.#failed(error),
      },
      { intervalMs: RENEWAL_CHECK_MS },
    );
  }

  start(): void {
    if (this.#renewing.isStarted) return;
    this.#renewing.start();
    void this.#renewing.runNow();
  }

  stop(): Promise<void> {
    return this.#renewing.stop();
  }

  get endsAt(): number | null {
    return this.#endsAt;
  }

  /** Why this node may not act for its operator, or soon will not; null where it may. */
  get fault(): string | null {
    if (this.#endsAt === null) return null;
    const left = this.#endsAt - this.#components.clock.now();
    const reason = this.#fault ?? 'it was not tried yet';
    const advice = `make a new invite at ${this.#membership.owner} with maillon invite, and start this node with --join`;
    if (left <= 0) return `the delegation of this machine has ended (${reason}): ${advice}`;
    if (left > RENEWAL_ALARM_MS || this.#fault === null) return null;
    const end = new Date(this.#endsAt).toISOString();
    return `the delegation of this machine ends at ${end} and could not be renewed (${reason}): start the node that invited it, or ${advice}`;
  }

  get #isDue(): boolean {
    const now = this.#components.clock.now();
    return this.#endsAt !== null && this.#endsAt - now < RENEWAL_LEFT_MS && now >= this.#dueAt;
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { clock, events } = this.#components;
    const endsAt = await this.#ask(signal);
    this.#failures = 0;
    this.#fault = null;
    this.#dueAt = clock.now() + RENEWAL_RETRY_MAX_MS;
    events.report('delegation_renewed', { owner: this.#membership.owner, endsAt: isoTime(endsAt) });
  }

  #failed(error: unknown): void {
    const { clock, events } = this.#components;
    this.#fault = errorMessage(error);
    const retryMs = backOffMs(this.#failures, { firstMs: RENEWAL_RETRY_MS, maxMs: RENEWAL_RETRY_MAX_MS });
    this.#failures += 1;
    this.#dueAt = clock.now() + retryMs;
    const { owner } = this.#membership;
    const endsAt = isoTime(this.#endsAt);
    events.report('delegation_unrenewed', { owner, reason: this.#fault, endsAt, retryMs });
  }

  /** Resolves to the new end. Rejects with the issuer's refusal, or where nobody could be asked. */
  async #ask(signal: AbortSignal): Promise<number | null> {
    const { exchange } = this.#components;
    const issuer = peerOf(this.#membership.issuer);
    let fault: unknown = await this.#reach(issuer, signal);
    for (const peer of [...(fault === null ? [issuer] : []), ...(await this.#othersThatRenew(issuer))]) {
      try {
        const { operator } = this.#components;
        const name = memberName(hostname());
        const granted = await renew(operator.chain(), name, (request) => exchange.ask(peer, request, signal));
        return await this.#take(granted, peer.equals(issuer));
      } catch (error) {
        signal.throwIfAborted();
        // what the node that invited this one says counts more than that others do not know the owner
        fault ??= error;
      }
    }
    throw fault;
  }

  /** Connects to the node that invited this one. Null where that worked; otherwise why not. */
  async #reach(issuer: PeerId, signal: AbortSignal): Promise<unknown> {
    const { network } = this.#components;
    if (network.getConnections(issuer).length > 0) return null;
    const addresses = this.#membership.entryPoints
      .filter(({ key }) => equalBytes(key, this.#membership.issuer))
      .map(({ address }) => multiaddr(address).encapsulate(`/p2p/${issuer.toString()}`));
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ISSUER_DIAL_TIMEOUT_MS)]);
    try {
      await network.dial(addresses.length > 0 ? addresses : issuer, { signal: limit });
      return null;
    } catch (error) {
      signal.throwIfAborted();
      const why = errorMessage(error instanceof AggregateError ? error.errors[0] : error);
      const message = `the node that invited this one, ${issuer.toString()}, cannot be reached: ${why}`;
      return new Error(message, { cause: error });
    }
  }

  /** Connected peers that serve the protocol: each holds an owner's key, be it another owner's. */
  async #othersThatRenew(issuer: PeerId): Promise<PeerId[]> {
    const { network } = this.#components;
    const found: PeerId[] = [];
    for (const peer of network.getPeers()) {
      if (found.length >= RENEWAL_PEERS_MAX) break;
      if (peer.equals(issuer)) continue;
      const known = await network.peerStore.get(peer).catch(() => null);
      if (known?.protocols.includes(JOIN_PROTOCOL) === true) found.push(peer);
    }
    return found;
  }

  async #take({ chain, entryPoints }: JoinGrant, isFromIssuer: boolean): Promise<number | null> {
    const { identity, operator } = this.#components;
    const { owner, swarm } = this.#membership;
    const key = encodeMultikey(identity.signer.publicKey);
    const { endsAt } = await checkGrant(this.#components, { chain, key, owner, swarm });
    const isUpdate = isFromIssuer && entryPoints.length > 0;
    this.#membership = { ...this.#membership, chain, ...(isUpdate ? { entryPoints } : {}) };
    // on disk first: a node that starts again has what it announced
    writeMembership(this.#data, this.#membership);
    operator.renew(chain);
    this.#endsAt = endsAt;
    return endsAt;
  }
}

function isoTime(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
