import type { Config } from '../../node/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { ConcurrencyLimit, type Release } from '../../protocols/common/concurrency-limit.ts';
import { RateLimit } from '../../protocols/common/rate-limit.ts';
import { GatewayError } from '../core/errors.ts';
import {
  RATE_BURST_SECONDS,
  RATE_DEBT_SECONDS,
  RATE_SUBJECTS_MAX,
  STREAM_RETRY_SECONDS,
} from '../core/limits.ts';
import { type ClientAddress, limitSubject } from './client-address.ts';
import { isLoopback } from './guard.ts';

/** Limits of a client address, and those of what a credential names. Each is a setting, `gateway.rate.<name>`. */
export const ADDRESS_RATES = ['requests', 'handshakes', 'frames', 'notices'] as const;
export const CREDENTIAL_RATES = ['keys', 'namespaces'] as const;
export type AddressRate = (typeof ADDRESS_RATES)[number];
export type CredentialRate = (typeof CREDENTIAL_RATES)[number];
type Rate = AddressRate | CredentialRate;
/** Limits for which a client can be refused: a rate, or open streams or connections. */
export type ClientLimit = Rate | 'streams' | 'connections';
export const CLIENT_LIMITS: readonly ClientLimit[] = [
  ...ADDRESS_RATES,
  ...CREDENTIAL_RATES,
  'streams',
  'connections',
];

/** The client, and the subjects that its credential names once that was checked: each is charged for the request. */
export interface Client extends ClientAddress {
  /** Filled in by whoever checks the credential, before the route's own checks. */
  readonly charged: { readonly rate: CredentialRate; readonly subject: string }[];
}

/** Limits each client address, and what its credential names: requests a second, open streams and connections. */
export class ClientLimits {
  readonly #rates: ReadonlyMap<Rate, RateLimit>;
  readonly #limitsLocal: boolean;
  readonly #streams: ConcurrencyLimit;
  readonly #connections: ConcurrencyLimit;
  readonly #refused: Map<ClientLimit, number>;

  constructor(
    components: { clock: Clock; metrics: { readonly rateLimited: Map<ClientLimit, number> } },
    { config }: { config: Config },
  ) {
    this.#refused = components.metrics.rateLimited;
    this.#streams = new ConcurrencyLimit({ maxPerKey: config['gateway.streamsPerAddress'] });
    this.#connections = new ConcurrencyLimit({ maxPerKey: config['gateway.connectionsPerAddress'] });
    this.#limitsLocal = config['gateway.rate.loopback'];
    this.#rates = new Map(
      [...ADDRESS_RATES, ...CREDENTIAL_RATES].map((rate) => {
        const perSecond = config[`gateway.rate.${rate}`];
        const burst = perSecond * RATE_BURST_SECONDS;
        const debtMax = perSecond * RATE_DEBT_SECONDS;
        return [rate, new RateLimit(components, { perSecond, burst, debtMax, maxKeys: RATE_SUBJECTS_MAX })];
      }),
    );
  }

  /** Charges the address of `client`. Throws `rate_limited` when it is over its rate. */
  takeAddress(rate: AddressRate, client: ClientAddress): void {
    if (this.#isExempt(client)) return;
    this.#take(rate, limitSubject(client.address));
  }

  /** Charges what the client's credential names. Throws `rate_limited`. */
  takeCredential(client: Client): void {
    for (const { rate, subject } of client.charged) this.#take(rate, subject);
  }

  /** A meter for the frames on a connection of `client`: returns how long not to read from it, in milliseconds. */
  frameMeter(client: ClientAddress): (() => number) | undefined {
    if (this.#isExempt(client)) return undefined;
    const subject = limitSubject(client.address);
    return () => {
      const waitMs = this.#charge('frames', subject);
      if (waitMs > 0) this.#count('frames');
      return waitMs;
    };
  }

  /** A slot for a stream of `client`. Throws `rate_limited` when its address has all it may. */
  takeStream(client: ClientAddress): Release {
    if (this.#isExempt(client)) return () => undefined;
    const release = this.#streams.tryAcquire(limitSubject(client.address));
    if (release !== null) return release;
    const message = 'too many streams are open from this address: close one; /v1/info has the limits';
    throw this.#refusal('streams', message, 'gateway.streamsPerAddress', STREAM_RETRY_SECONDS);
  }

  /** A slot for a connection from `address`; null where that address has all it may. */
  takeConnection(address: string): Release | null {
    if (isLoopback(address) && !this.#limitsLocal) return () => undefined;
    const release = this.#connections.tryAcquire(limitSubject(address));
    if (release === null) this.#count('connections');
    return release;
  }

  #isExempt(client: ClientAddress): boolean {
    return client.isLocal && !this.#limitsLocal;
  }

  #take(rate: Rate, subject: string): void {
    const waitMs = this.#charge(rate, subject);
    if (waitMs === 0) return;
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    const message = `too many ${rate}: try again in ${seconds} s; /v1/info has the limits`;
    throw this.#refusal(rate, message, `gateway.rate.${rate}`, seconds);
  }

  #refusal(kind: ClientLimit, message: string, limit: string, seconds: number): GatewayError {
    this.#count(kind);
    return new GatewayError('rate_limited', message, { limit }, seconds);
  }

  #count(kind: ClientLimit): void {
    this.#refused.set(kind, (this.#refused.get(kind) ?? 0) + 1);
  }

  /** How long `subject` must wait before what it does next; 0 when it had room for this. */
  #charge(rate: Rate, subject: string): number {
    return this.#rates.get(rate)?.take(subject) ?? 0;
  }
}
