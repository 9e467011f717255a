import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCrypto } from '../../node/runtime/crypto.ts';
import {
  ANSWER_MAX_BYTES,
  decodeLogAnswer,
  decodeNotice,
  decodeNoticesAnswer,
  decodeQuestion,
  encodeLogAnswer,
  encodeNoticesAnswer,
  encodePolicy,
  encodePolicyBody,
  encodeQuestion,
  encodeRevocation,
  encodeRevocationBody,
  encodeSponsorship,
  encodeSponsorshipBody,
  NamespacesError,
  NOTICE_MAX_BYTES,
  QUESTION_MAX_BYTES,
  REVOCATION_MAX_BYTES,
  type SignedNotice,
  SPONSORSHIP_MAX_BYTES,
} from '../../protocols/namespaces/index.ts';
import * as cbor from '../support/cbor.ts';
import { changedBytes, checkWith } from '../support/fuzzing.ts';
import {
  POLICY,
  policyWire,
  REVOCATION,
  revocationWire,
  rules,
  SPONSORSHIP,
  sponsorshipWire,
} from '../support/notices.ts';
import { frameVectors } from '../vectors/namespaces/frames.ts';
import { validVectors } from '../vectors/namespaces/valid.ts';

/** Seeds tried every time, beside a fresh one: whichever fails is added here. */
const KEPT_SEEDS: readonly number[] = [1, 42];

const crypto = createCrypto();

function encoded(notice: SignedNotice): Uint8Array {
  const { kind, signature } = notice;
  if (kind === 'policy') return encodePolicy(encodePolicyBody(notice), signature);
  if (kind === 'revocation') return encodeRevocation(encodeRevocationBody(notice), signature);
  return encodeSponsorship(encodeSponsorshipBody(notice), signature);
}

/** Checks that decoded bytes encode to themselves. */
function noticeHolds(bytes: Uint8Array): void {
  try {
    const again = encoded(decodeNotice(bytes, crypto));
    assert.ok(Buffer.from(again).equals(bytes), 'what is taken has one form');
  } catch (error) {
    if (!(error instanceof NamespacesError)) throw error;
    assert.ok(error.message.length < 1000, 'an error does not carry the notice');
  }
}

const FRAMES: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
  (bytes) => encodeQuestion(decodeQuestion(bytes)),
  (bytes) => encodeLogAnswer(decodeLogAnswer(bytes)),
  (bytes) => encodeNoticesAnswer(decodeNoticesAnswer(bytes)),
];

function frameHolds(bytes: Uint8Array): void {
  for (const read of FRAMES) {
    try {
      assert.ok(Buffer.from(read(bytes)).equals(bytes), 'what is taken has one form');
    } catch (error) {
      if (!(error instanceof NamespacesError)) throw error;
    }
  }
}

const check = checkWith(KEPT_SEEDS);

/** The vectors below 1000 bytes: large ones are repetitive. */
function small(vectors: readonly { readonly hex: string }[]): Buffer[] {
  return vectors.map(({ hex }) => Buffer.from(hex, 'hex')).filter(({ byteLength }) => byteLength < 1000);
}

test('any bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 600 });
  check(fc.property(bytes, noticeHolds), 2000);
  for (const head of [0x8d, 0x88, 0x8b]) {
    check(
      fc.property(bytes, (rest) => noticeHolds(Buffer.concat([Buffer.of(head, 0x01), rest]))),
      1000,
    );
  }
  check(fc.property(bytes, frameHolds), 2000);
});

test('valid notices and frames with bytes changed', () => {
  check(changedBytes(small(validVectors()), noticeHolds), 4000);
  check(changedBytes(small(frameVectors()), frameHolds), 2000);
});

/** Any CBOR: right, wrong and of indefinite length. */
const { value } = fc.letrec<{ value: Buffer }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.bigInt(-(2n ** 64n), 2n ** 64n - 1n).map((one) => cbor.integer(one)),
    fc.double().map((one) => cbor.float64(one)),
    fc.string({ unit: 'binary' }).map((one) => cbor.text(one)),
    fc.uint8Array().map((one) => cbor.bytes(one)),
    fc.nat(255).map((byte) => Buffer.of(byte)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => cbor.list(items)),
    fc.array(fc.tuple(fc.string(), tie('value')), { maxLength: 4 }).map((entries) => cbor.map(entries)),
  ),
}));

const NO_SIGNATURE = Buffer.alloc(64);

function fieldsOf(items: object): string[] {
  return Object.keys(items).filter((name) => name !== 'version');
}

test('notices whose fields hold any CBOR', () => {
  const policies = fc.property(fc.constantFrom(...fieldsOf(POLICY)), value, (field, one) => {
    noticeHolds(policyWire({ ...POLICY, [field]: one }, NO_SIGNATURE));
  });
  check(policies, 4000);
  const revocations = fc.property(fc.constantFrom(...fieldsOf(REVOCATION)), value, (field, one) => {
    noticeHolds(revocationWire({ ...REVOCATION, [field]: one }, NO_SIGNATURE));
  });
  check(revocations, 2000);
  const sponsorships = fc.property(fc.constantFrom(...fieldsOf(SPONSORSHIP)), value, (field, one) => {
    noticeHolds(sponsorshipWire({ ...SPONSORSHIP, [field]: one }, NO_SIGNATURE));
  });
  check(sponsorships, 3000);
});

test('rules that hold any CBOR', () => {
  const names = [
    'publish',
    'write',
    'read',
    'publicTopics',
    'isPublic',
    'quotaBytes',
    'retentionMs',
    'domains',
  ];
  const property = fc.property(fc.constantFrom(...names), value, (name, one) => {
    noticeHolds(policyWire({ ...POLICY, rules: rules({ [name]: one }) }, NO_SIGNATURE));
  });
  check(property, 4000);
});

test('the deepest and the widest do not pass the size that is checked first', () => {
  for (const byte of [0x80, 0x81, 0x8b, 0x8d, 0x9f, 0xa1, 0xff]) {
    for (const [head, max] of [
      [0x8d, NOTICE_MAX_BYTES],
      [0x88, REVOCATION_MAX_BYTES],
      [0x8b, SPONSORSHIP_MAX_BYTES],
    ] as const) {
      for (const size of [max, max + 1]) {
        noticeHolds(Buffer.concat([Buffer.of(head, 0x01), Buffer.alloc(size - 2, byte)]));
      }
      const large = Buffer.concat([Buffer.of(head, 0x01), Buffer.alloc(max, byte)]);
      assert.throws(() => decodeNotice(large, crypto), { code: 'notice_too_large' });
    }
    for (const size of [QUESTION_MAX_BYTES, ANSWER_MAX_BYTES, ANSWER_MAX_BYTES + 1]) {
      frameHolds(Buffer.alloc(size, byte));
    }
  }
});
