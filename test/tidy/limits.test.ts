/** A limit is declared once: SPECs state the numbers that the code has, and the info document publishes each name once. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AUTH_LIMITS } from '../../gateway/auth/limits.ts';
import { FRAME_MAX_BYTES, FRAME_MAX_FRAGMENTS, GATEWAY_LIMITS } from '../../gateway/core/limits.ts';
import { createNode, DEFAULTS } from '../../node/index.ts';
import * as blobs from '../../protocols/blobs/constants.ts';
import { CHAIN_LINK_MAX_BYTES, CHAIN_MAX_BYTES, CHAIN_MAX_LINKS } from '../../protocols/common/chain.ts';
import { CLOCK_SKEW_MS } from '../../protocols/common/clock.ts';
import { DID_MAX_LENGTH } from '../../protocols/common/did.ts';
import { EXT_MAX_BYTES } from '../../protocols/common/fields.ts';
import { OWNER_MAX_BYTES, TOPIC_MAX_BYTES } from '../../protocols/common/names.ts';
import * as identity from '../../protocols/identity/constants.ts';
import * as invites from '../../protocols/join/constants.ts';
import * as namespaces from '../../protocols/namespaces/constants.ts';
import * as nodes from '../../protocols/nodes/constants.ts';
import * as reconciliation from '../../protocols/reconciliation/constants.ts';
import * as relay from '../../protocols/relay/constants.ts';
import * as storage from '../../protocols/storage/constants.ts';
import { REQUESTS } from '../../protocols/storage/index.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { ROOT } from '../support/sources.ts';

/** As SPECs write numbers: 147 456. */
const n = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, ' ');

const chain = `${CHAIN_MAX_LINKS} links of 1–${n(CHAIN_LINK_MAX_BYTES)} bytes, together at most ${n(CHAIN_MAX_BYTES)}`;
const ext = `at most ${EXT_MAX_BYTES} bytes encoded`;
const clock = `${n(CLOCK_SKEW_MS)} ms`;

/** Each SPEC must state these, word for word. */
const STATED: Readonly<Record<string, readonly string[]>> = {
  'protocols/relay/SPEC.md': [
    `1–${OWNER_MAX_BYTES} bytes`,
    `1–${TOPIC_MAX_BYTES} bytes`,
    `1–${n(relay.ENVELOPE_MAX_MESSAGES)}`,
    `${n(relay.MESSAGE_MAX_BYTES)} bytes`,
    `${n(relay.ENVELOPE_MAX_BYTES)} bytes`,
    `${relay.LINGER_MS} ms`,
    chain,
    ext,
    clock,
  ],
  'protocols/storage/SPEC.md': [
    `1–${n(storage.KEY_MAX_BYTES)} bytes`,
    `0–${n(storage.COUNTER_MAX)}`,
    `0–${storage.CONTENT_TYPE_MAX_LENGTH} characters`,
    `0–${n(storage.VALUE_MAX_BYTES)} bytes`,
    `${n(storage.RECORD_MAX_BYTES)} bytes`,
    `${n(storage.RECORD_ITEMS_MAX)} items`,
    `${n(storage.FRAME_MAX_BYTES)} bytes`,
    `${n(storage.RECONCILE_MESSAGE_MAX_BYTES)} bytes`,
    `1–${storage.FETCH_KEYS_MAX} keys`,
    `${storage.REQUESTS_MAX} requests`,
    chain,
    ext,
    clock,
  ],
  'protocols/namespaces/SPEC.md': [
    `${n(namespaces.POLICY_MAX_BYTES)} bytes`,
    `${n(namespaces.REVOCATION_MAX_BYTES)} bytes`,
    `${n(namespaces.SPONSORSHIP_MAX_BYTES)} bytes`,
    `0–${namespaces.RULE_DIDS_MAX} DIDs`,
    `0–${namespaces.PUBLIC_TOPICS_MAX} beginnings`,
    `0–${namespaces.DOMAINS_MAX} sites`,
    `at most ${namespaces.PUSHED_PER_SECOND} a second of one peer, ${n(namespaces.PUSHED_BURST)} at once`,
    `at most ${namespaces.VERIFIED_PER_SECOND} a second of one peer, ${n(namespaces.VERIFIED_BURST)} at once`,
    n(namespaces.NOTICES_MAX),
    n(namespaces.SPONSORSHIPS_MAX),
    `0–${n(namespaces.IDS_MAX)}`,
    n(namespaces.ANSWER_MAX_BYTES),
    ext,
    clock,
  ],
  'protocols/nodes/SPEC.md': [
    `0–${nodes.ADDRESSES_MAX} multiaddrs`,
    `${n(nodes.ANNOUNCEMENT_MAX_BYTES)} bytes`,
    `${n(nodes.PAGE_MAX_BYTES)} bytes`,
    n(nodes.LIFETIME_MAX_MS),
    n(nodes.LIFETIME_MS),
    `${DID_MAX_LENGTH} characters`,
    chain,
    ext,
    clock,
  ],
  'protocols/join/SPEC.md': [
    `${n(invites.INVITE_MAX_BYTES)} bytes`,
    `${n(invites.REQUEST_MAX_BYTES)} bytes`,
    `0–${invites.MEMBER_NAME_MAX_LENGTH} characters`,
    `${invites.REQUESTS_BURST} requests at once`,
    `${n(CHAIN_MAX_BYTES)} bytes together`,
  ],
  'protocols/identity/SPEC.md': [
    `${n(CHAIN_LINK_MAX_BYTES)} bytes`,
    `0–${CHAIN_MAX_LINKS} links, together at most ${n(CHAIN_MAX_BYTES)} bytes`,
    `1–${identity.RESOURCES_MAX} resources`,
    `${n(identity.RESOURCE_MAX_LENGTH)} characters`,
    `${identity.DOMAIN_MAX_LENGTH} characters`,
    `1–${identity.STATEMENT_MAX_LENGTH} characters`,
    `${identity.NONCE_MIN_LENGTH}–${identity.NONCE_MAX_LENGTH}`,
    `${identity.LINK_ITEMS_MAX} items`,
    ext,
  ],
  'protocols/blobs/SPEC.md': [
    `${n(blobs.PROFILE.chunkBytes)} bytes`,
    `${n(blobs.PROFILE.linksMax)} children`,
  ],
  'protocols/reconciliation/SPEC.md': [`${n(reconciliation.MESSAGE_MAX_BYTES)} bytes`],
  'gateway/ws/SPEC.md': [
    `${n(FRAME_MAX_BYTES)} bytes, ${FRAME_MAX_FRAGMENTS} fragments`,
    `${n(relay.MESSAGE_MAX_BYTES)} bytes`,
  ],
};

for (const [spec, phrases] of Object.entries(STATED)) {
  test(`${spec} states the limits of the code`, () => {
    const text = readFileSync(join(ROOT, spec), 'utf8').replaceAll(/\s+/g, ' ');
    const isStated = (phrase: string): boolean => new RegExp(`(?<!\\d|\\d )${phrase}(?! ?\\d)`).test(text);
    assert.deepEqual(
      phrases.filter((phrase) => !isStated(phrase)),
      [],
    );
  });
}

test('the table of requests in storage/SPEC.md is that of the code', () => {
  const text = readFileSync(join(ROOT, 'protocols/storage/SPEC.md'), 'utf8');
  const rows = Object.entries(REQUESTS).map(([name, request]) => {
    const { number, requestMaxBytes, answerMaxBytes, timeoutMs, perSecond, burst } = request;
    const bounds = `${n(requestMaxBytes)}, ${n(answerMaxBytes)} | ${timeoutMs / 1000} s | ${n(perSecond)}, ${n(burst)}`;
    return { head: `| ${number} | ${name} |`, tail: ` | ${bounds} |` };
  });
  const lines = text.split('\n');
  for (const { head, tail } of rows) {
    const line = lines.find((one) => one.startsWith(head));
    assert.ok(line?.endsWith(tail), `${head} … ${tail}: ${line}`);
  }
});

test('the info document has each limit once, with a reason', () => {
  const node = createNode({ logger: silentLogger() }, { config: DEFAULTS, role: 'full', version: '0' });
  const limits = [...node.limits(), ...GATEWAY_LIMITS, ...AUTH_LIMITS];
  const names = limits.map(({ name }) => name);
  assert.deepEqual(names.toSorted(), [...new Set(names)].toSorted());
  assert.deepEqual(
    limits.filter(({ reason }) => reason.length < 5),
    [],
  );
});
