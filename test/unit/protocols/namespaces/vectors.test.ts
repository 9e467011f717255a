import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createCrypto } from '../../../../node/runtime/crypto.ts';
import {
  createNamespacesMetrics,
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
  NAMESPACES_ERRORS,
  NamespacesError,
  NoticeAdmission,
  policySigningBytes,
  revocationSigningBytes,
  type SignedNotice,
  sponsorshipSigningBytes,
} from '../../../../protocols/namespaces/index.ts';
import { SWARM } from '../../../support/envelopes.ts';
import { NoticesInMemory } from '../../../support/held-notices.ts';
import { vectorFiles } from '../../../vectors/namespaces/generate.ts';
import type { FrameVector, Vector } from '../../../vectors/namespaces/vector.ts';

const FOLDER = new URL('../../../vectors/namespaces/', import.meta.url);
const crypto = createCrypto();

function read<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as T[];
}

const valid = read<Vector>('valid.json');
const invalid = read<Vector>('invalid.json');
const frames = read<FrameVector>('frames.json');

async function receive({ hex, now, known = [] }: Vector): Promise<SignedNotice> {
  const admission = new NoticeAdmission(
    {
      crypto,
      clock: { now: () => now },
      held: new NoticesInMemory(),
      verify: () => undefined,
      metrics: createNamespacesMetrics(),
    },
    { swarm: SWARM },
  );
  for (const one of known) await admission.admit(Buffer.from(one, 'hex'), 'peer', 'pushed');
  return admission.admit(Buffer.from(hex, 'hex'), 'peer', 'pushed');
}

const ENCODE = { policy: encodePolicy, revocation: encodeRevocation, sponsorship: encodeSponsorship };
const SIGNING = {
  policy: policySigningBytes,
  revocation: revocationSigningBytes,
  sponsorship: sponsorshipSigningBytes,
};

function bodyOf(notice: SignedNotice): Uint8Array {
  if (notice.kind === 'policy') return encodePolicyBody(notice);
  return notice.kind === 'revocation' ? encodeRevocationBody(notice) : encodeSponsorshipBody(notice);
}

test('the files are what the generator makes', () => {
  for (const [name, text] of Object.entries(vectorFiles())) {
    assert.ok(readFileSync(new URL(name, FOLDER), 'utf8') === text, `${name}: run the generator`);
  }
});

for (const vector of valid) {
  test(`valid: ${vector.name}`, async () => {
    const taken = await receive(vector);
    assert.equal(taken.kind, vector.kind);
    assert.equal(Buffer.from(taken.digest).toString('hex'), vector.digest);
    const again = ENCODE[taken.kind](bodyOf(taken), taken.signature);
    assert.equal(Buffer.from(again).toString('hex'), vector.hex, 'encodes to the same bytes');
  });
}

for (const vector of invalid) {
  test(`invalid: ${vector.name}: ${vector.code ?? 'not the one form'}`, async () => {
    const either = ['notice_malformed', 'notice_not_canonical'];
    const codes = vector.code === undefined ? either : [vector.code];
    await assert.rejects(receive(vector), (error) => {
      assert.ok(error instanceof NamespacesError, String(error));
      assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
      return true;
    });
  });
}

for (const { name, hex, kind, code } of frames) {
  test(`frame: ${name}: ${code ?? 'valid'}`, () => {
    const bytes = Buffer.from(hex, 'hex');
    const decodeAndEncode = (): Uint8Array => {
      if (kind === 'question') return encodeQuestion(decodeQuestion(bytes));
      if (kind === 'log') return encodeLogAnswer(decodeLogAnswer(bytes));
      return encodeNoticesAnswer(decodeNoticesAnswer(bytes));
    };
    if (code === undefined) assert.equal(Buffer.from(decodeAndEncode()).toString('hex'), hex);
    else assert.throws(decodeAndEncode, { code });
  });
}

test('every code that one notice can have is among the vectors', () => {
  // those that need more than notices and a clock are in admission.test.ts
  const elsewhere = [
    'notice_chain',
    'notice_unauthorised',
    'notice_room',
    'overloaded',
    'notice_not_canonical',
  ];
  const there = new Set([...invalid, ...frames].map(({ code }) => code));
  const missing = Object.keys(NAMESPACES_ERRORS).filter((code) => !there.has(code));
  assert.deepEqual(missing.toSorted(), elsewhere.toSorted());
});

test('what a decoder reads leniently is not canonical', () => {
  const codes = new Set<string>();
  for (const { hex } of invalid.filter(({ code }) => code === undefined)) {
    assert.throws(
      () => decodeNotice(Buffer.from(hex, 'hex'), crypto),
      (error) => error instanceof NamespacesError && codes.add(error.code) !== undefined,
    );
  }
  assert.ok(codes.has('notice_not_canonical'));
});

test('the examples of the SPEC, byte for byte', () => {
  const spec = readFileSync(new URL('../../../../protocols/namespaces/SPEC.md', import.meta.url), 'utf8');
  const row = (kind: string, name: string): string =>
    new RegExp(`\\| ${kind} ${name} \\| \`([^\`]+)\``).exec(spec)?.[1] ?? '';
  for (const kind of ['policy', 'revocation', 'sponsorship'] as const) {
    const example = valid.find((vector) => vector.kind === kind && vector.name.startsWith('the example'));
    assert.ok(example !== undefined);
    const taken = decodeNotice(Buffer.from(example.hex, 'hex'), crypto);
    assert.equal(row(kind, 'body'), Buffer.from(bodyOf(taken)).toString('hex'));
    assert.equal(row(kind, 'digest'), example.digest);
    assert.equal(row(kind, 'signed'), Buffer.from(SIGNING[kind](SWARM, taken.digest)).toString('hex'));
    assert.equal(row(kind, 'signature'), Buffer.from(taken.signature).toString('hex'));
  }
});
