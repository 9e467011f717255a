import type { Config } from '../../node/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { RateLimiter } from '../../protocols/common/rate-limit.ts';
import { GatewayError } from '../errors.ts';
import { RATE_BURST_SECONDS, RATE_DEBT_SECONDS, RATE_SUBJECTS_MAX } from '../limits.ts';
import { type ClientAddress, limitSubject } from './client-address.ts';

/** Limits of a client address, and those of what a credential names. Each is a setting, `gateway.rate.<name>`. */
export const ADDRESS_RATES = ['requests', 'handshakes', 'frames'] as const;
export const CREDENTIAL_RATES = ['keys', 'namespaces'] as const;
export type AddressRate = (typeof ADDRESS_RATES)[number];
export type CredentialRate = (typeof CREDENTIAL_RATES)[number];
type Rate = AddressRate | CredentialRate;

/** Who asks, and what its credential names once that was looked at: each is charged for the request. */
export interface Client extends ClientAddress {
  /** Filled in by whoever checks the credential, before the route's own checks. */
  readonly charged: { readonly rate: CredentialRate; readonly subject: string }[];
}

/** Token buckets: what each may do at once and each second. */
export class RateLimits {
  readonly #limiters: ReadonlyMap<Rate, RateLimiter>;
  readonly #limitsLocal: boolean;

  constructor(components: { clock: Clock }, { config }: { config: Config }) {
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
    return () => this.#charge('frames', subject);
  }

  #isExempt(client: ClientAddress): boolean {
    return client.isLocal && !this.#limitsLocal;
  }

  #take(rate: Rate, subject: string): void {
    const waitMs = this.#charge(rate, subject);
    if (waitMs === 0) return;
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    const message = `too many ${rate}: try again in ${seconds} s; /v1/info has the limits`;
    throw new GatewayError('rate_limited', message, { limit: `gateway.rate.${rate}` }, seconds);
  }

  /** How long `subject` must wait before what it does next; 0 when it had room for this. */
  #charge(rate: Rate, subject: string): number {
    const limiter = this.#limiters.get(rate);
    if (limiter === undefined) return 0;
    limiter.charge(subject);
    return limiter.isExceeded(subject) ? limiter.waitMs(subject) : 0;
  }
}
