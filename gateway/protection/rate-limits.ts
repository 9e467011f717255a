import type { Config } from '../../node/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { RateLimiter } from '../../protocols/common/rate-limit.ts';
import { GatewayError } from '../core/errors.ts';
import {
  RATE_BURST_SECONDS,
  RATE_DEBT_SECONDS,
  RATE_SUBJECTS_MAX,
  STREAM_RETRY_SECONDS,
} from '../core/limits.ts';
import { type ClientAddress, limitSubject } from './client-address.ts';
import { isLoopback } from './guard.ts';
import { Places } from './places.ts';

/** Limits of a client address, and those of what a credential names. Each is a setting, `gateway.rate.<name>`. */
export const ADDRESS_RATES = ['requests', 'handshakes', 'frames', 'notices'] as const;
export const CREDENTIAL_RATES = ['keys', 'namespaces'] as const;
export type AddressRate = (typeof ADDRESS_RATES)[number];
export type CredentialRate = (typeof CREDENTIAL_RATES)[number];
type Rate = AddressRate | CredentialRate;
/** What somebody can be refused for: a rate, or streams or connections that are open. */
export type RateLimit = Rate | 'streams' | 'connections';
export const RATE_LIMITS: readonly RateLimit[] = [
  ...ADDRESS_RATES,
  ...CREDENTIAL_RATES,
  'streams',
  'connections',
];

/** Who asks, and what its credential names once that was looked at: each is charged for the request. */
export interface Client extends ClientAddress {
  /** Filled in by whoever checks the credential, before the route's own checks. */
  readonly charged: { readonly rate: CredentialRate; readonly subject: string }[];
}

/** Token buckets: what each may do at once and each second. */
export class RateLimits {
  readonly #limiters: ReadonlyMap<Rate, RateLimiter>;
  readonly #limitsLocal: boolean;
  readonly #streams: Places;
  readonly #connections: Places;
  readonly #refused: Map<RateLimit, number>;

  constructor(
    components: { clock: Clock; metrics: { readonly rateLimited: Map<RateLimit, number> } },
    { config }: { config: Config },
  ) {
    this.#refused = components.metrics.rateLimited;
    this.#streams = new Places({ max: config['gateway.streamsPerAddress'] });
    this.#connections = new Places({ max: config['gateway.connectionsPerAddress'] });
    this.#limitsLocal = config['gateway.rate.loopback'];
    this.#limiters = new Map(
      [...ADDRESS_RATES, ...CREDENTIAL_RATES].map((rate) => {
        const perSecond = config[`gateway.rate.${rate}`];
        const burst = perSecond * RATE_BURST_SECONDS;
        const debtMax = perSecond * RATE_DEBT_SECONDS;
        return [rate, new RateLimiter(components, { perSecond, burst, debtMax, maxKeys: RATE_SUBJECTS_MAX })];
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

  /** What a connection of `client` charges its frames to: how long it must not be read from, in milliseconds. */
  frameMeter(client: ClientAddress): (() => number) | undefined {
    if (this.#isExempt(client)) return undefined;
    const subject = limitSubject(client.address);
    return () => {
      const waitMs = this.#charge('frames', subject);
      if (waitMs > 0) this.#count('frames');
      return waitMs;
    };
  }

  /** A place for a stream of `client`, until what is returned is called. Throws `rate_limited` when it has all it may. */
  takeStream(client: ClientAddress): () => void {
    if (this.#isExempt(client)) return () => undefined;
    const leave = this.#streams.take(limitSubject(client.address));
    if (leave !== null) return leave;
    const message = 'too many streams are open from this address: close one; /v1/info has the limits';
    throw this.#refusal('streams', message, 'gateway.streamsPerAddress', STREAM_RETRY_SECONDS);
  }

  /** Takes a place for a connection from `address`; what is returned gives it back. Null where there is none left for that address. */
  takeConnection(address: string): (() => void) | null {
    if (isLoopback(address) && !this.#limitsLocal) return () => undefined;
    const leave = this.#connections.take(limitSubject(address));
    if (leave === null) this.#count('connections');
    return leave;
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

  #refusal(kind: RateLimit, message: string, limit: string, seconds: number): GatewayError {
    this.#count(kind);
    return new GatewayError('rate_limited', message, { limit }, seconds);
  }

  #count(kind: RateLimit): void {
    this.#refused.set(kind, (this.#refused.get(kind) ?? 0) + 1);
  }

  /** How long `subject` must wait before what it does next; 0 when it had room for this. */
  #charge(rate: Rate, subject: string): number {
    const limiter = this.#limiters.get(rate);
    if (limiter === undefined) return 0;
    limiter.charge(subject);
    return limiter.isExceeded(subject) ? limiter.waitMs(subject) : 0;
  }
}
