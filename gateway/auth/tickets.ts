import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../protocols/common/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { HeldPrincipal } from './identity.ts';
import { TICKET_TTL_MS, TICKETS_MAX, TICKETS_PER_WALLET_MAX } from './limits.ts';

const TICKET_BYTES = 32;

/** Where a ticket is good: one route, for pages of one origin; null for what is no page. */
export interface TicketPlace {
  readonly route: string;
  readonly origin: string | null;
}

interface Ticket extends TicketPlace {
  readonly principal: HeldPrincipal;
  readonly endsAt: number;
}

/** The page that opens a stream, as its browser says. */
interface PageHeaders {
  readonly origin?: string | undefined;
  readonly host?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
}

/**
 * Tickets that a page puts in a URL instead of its credential, since browsers let it send no headers with a stream. Kept in this
 * process and as a hash only.
 */
export class Tickets {
  readonly #clock: Clock;
  /** By hash, in the order in which they end, since all live equally long. */
  readonly #tickets = new Map<string, Ticket>();
  readonly #ofWallet = new Map<string, number>();

  constructor(components: { readonly clock: Clock }) {
    this.#clock = components.clock;
  }

  /** Throws `rate_limited` for a wallet that used too few of those it has, `overloaded` where all wallets together did. */
  issue(principal: HeldPrincipal, place: TicketPlace): { readonly ticket: string; readonly endsAt: number } {
    const now = this.#clock.now();
    this.#expire(now);
    const { did } = principal;
    const count = this.#ofWallet.get(did) ?? 0;
    if (count >= TICKETS_PER_WALLET_MAX) {
      const message = `a wallet may have ${TICKETS_PER_WALLET_MAX} tickets: use them, or wait until they end`;
      const limit = { limit: 'auth.ticketsPerWallet' };
      throw new GatewayError('rate_limited', message, limit, Math.ceil(TICKET_TTL_MS / 1000));
    }
    if (this.#tickets.size >= TICKETS_MAX)
      throw new GatewayError('overloaded', 'too many tickets wait for use');
    const ticket = randomBytes(TICKET_BYTES).toString('base64url');
    const endsAt = now + TICKET_TTL_MS;
    this.#tickets.set(hashOf(ticket), { ...place, principal, endsAt });
    this.#ofWallet.set(did, count + 1);
    return { ticket, endsAt };
  }

  /**
   * The ticket's holder; null where the ticket is not valid here. It is used up in any case: where it was seen elsewhere it has
   * leaked.
   */
  redeem(text: string, route: string, headers: PageHeaders): HeldPrincipal | null {
    const hash = hashOf(text);
    const ticket = this.#tickets.get(hash);
    if (ticket === undefined) return null;
    this.#delete(hash, ticket);
    const isHere = ticket.route === route && isSamePage(ticket.origin, headers);
    return isHere && ticket.endsAt > this.#clock.now() ? ticket.principal : null;
  }

  #expire(now: number): void {
    for (const [hash, ticket] of this.#tickets) {
      if (ticket.endsAt > now) return;
      this.#delete(hash, ticket);
    }
  }

  #delete(hash: string, { principal: { did } }: Ticket): void {
    this.#tickets.delete(hash);
    const left = (this.#ofWallet.get(did) ?? 0) - 1;
    if (left > 0) this.#ofWallet.set(did, left);
    else this.#ofWallet.delete(did);
  }
}

/** A browser names no Origin where a page of the gateway's own site reads from it, as EventSource does, but says that it is the same. */
function isSamePage(origin: string | null, headers: PageHeaders): boolean {
  if (headers.origin !== undefined || origin === null) return (headers.origin ?? null) === origin;
  return (
    headers['sec-fetch-site'] === 'same-origin' && URL.parse(origin)?.host === headers.host?.toLowerCase()
  );
}

function hashOf(ticket: string): string {
  return createHash('sha256').update(ticket).digest('base64url');
}
