import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeldPrincipal } from '../../../../gateway/auth/identity.ts';
import { TICKET_TTL_MS, TICKETS_MAX, TICKETS_PER_WALLET_MAX } from '../../../../gateway/auth/limits.ts';
import { Tickets } from '../../../../gateway/auth/tickets.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const PAGE = 'https://app.example';
const HERE = { route: '/ws', origin: PAGE };
const HEADERS = { origin: PAGE, host: 'gateway.example' };

function holder(did: string): HeldPrincipal {
  return {
    kind: 'api_key',
    keyId: `key of ${did}`,
    did,
    subject: did,
    namespace: 'default',
    place: 'w-1',
    scopes: ['read'],
    custody: 'gateway',
    delegation: null,
  };
}

function make() {
  const clock = new ManualClock(1_790_000_000_000);
  return { clock, tickets: new Tickets({ clock }) };
}

test('a ticket gives its owner once, for 30 seconds', () => {
  const { clock, tickets } = make();
  const ann = holder('did:ann');
  const first = tickets.issue(ann, HERE);
  assert.match(first.ticket, /^[A-Za-z0-9_-]{43}$/);
  assert.equal(first.endsAt, clock.now() + TICKET_TTL_MS);
  assert.equal(tickets.redeem(first.ticket, '/ws', HEADERS), ann);
  assert.equal(tickets.redeem(first.ticket, '/ws', HEADERS), null);
  const late = tickets.issue(ann, HERE);
  clock.advance(TICKET_TTL_MS - 1);
  const last = tickets.issue(ann, HERE);
  assert.equal(tickets.redeem(late.ticket, '/ws', HEADERS), ann);
  clock.advance(TICKET_TTL_MS);
  assert.equal(tickets.redeem(last.ticket, '/ws', HEADERS), null);
  assert.equal(tickets.redeem('', '/ws', HEADERS), null);
});

test('a ticket is good for its route and its page, and lost once it was tried elsewhere', () => {
  const { tickets } = make();
  const ann = holder('did:ann');
  const from = (origin: string | null, route: string, headers: object): unknown => {
    const { ticket } = tickets.issue(ann, { route: '/ws', origin });
    const got = tickets.redeem(ticket, route, headers);
    assert.equal(tickets.redeem(ticket, '/ws', { ...HEADERS, origin: origin ?? undefined }), null, 'used up');
    return got;
  };
  assert.equal(from(PAGE, '/sse', HEADERS), null);
  assert.equal(from(PAGE, '/ws', { ...HEADERS, origin: 'https://evil.example' }), null);
  assert.equal(from(PAGE, '/ws', { host: 'app.example' }), null, 'a program');
  assert.equal(from(null, '/ws', HEADERS), null, 'a page with the ticket of a program');
  assert.equal(from(null, '/ws', { host: 'gateway.example' }), ann);
});

test('a page of the gateway’s own site opens an EventSource, with which browsers send no Origin', () => {
  const { tickets } = make();
  const ann = holder('did:ann');
  const place = { route: '/sse', origin: 'https://gateway.example:8443' };
  const opened = (headers: object): unknown =>
    tickets.redeem(tickets.issue(ann, place).ticket, '/sse', headers);
  const same = { 'sec-fetch-site': 'same-origin' };
  assert.equal(opened({ ...same, host: 'Gateway.example:8443' }), ann);
  assert.equal(opened({ ...same, host: 'gateway.example' }), null);
  assert.equal(opened({ 'sec-fetch-site': 'cross-site', host: 'gateway.example:8443' }), null);
});

test('tickets are bounded, for a wallet and for all, and those that ended make room', () => {
  const { clock, tickets } = make();
  const wallets = Math.ceil(TICKETS_MAX / TICKETS_PER_WALLET_MAX);
  const texts: string[] = [];
  for (let n = 0; n < TICKETS_MAX; n += 1) {
    texts.push(tickets.issue(holder(`did:${n % wallets}`), HERE).ticket);
  }
  assert.throws(() => tickets.issue(holder('did:another'), HERE), { code: 'overloaded' });
  assert.notEqual(tickets.redeem(texts[0] ?? '', '/ws', HEADERS), null);
  tickets.issue(holder('did:another'), HERE);
  clock.advance(TICKET_TTL_MS);
  const one = holder('did:0');
  for (let n = 0; n < TICKETS_PER_WALLET_MAX; n += 1) tickets.issue(one, HERE);
  assert.throws(() => tickets.issue(one, HERE), { code: 'rate_limited', retryAfter: TICKET_TTL_MS / 1000 });
  tickets.issue(holder('did:1'), HERE);
});
