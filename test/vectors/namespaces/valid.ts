import * as cbor from '../../support/cbor.ts';
import { didOf } from '../../support/did.ts';
import { AUTHOR, OTHER_AUTHOR, TIME } from '../../support/envelopes.ts';
import {
  digestOf,
  linkNumber,
  person,
  policy,
  policyStep,
  revocation,
  revokeDid,
  revokeLink,
  rule,
  rules,
  sponsorship,
  sponsorshipStep,
  texts,
  WALLET,
} from '../../support/notices.ts';
import type { Vector } from './vector.ts';

/** DIDs in the order of their bytes, which is that of their characters. */
export function someDids(count: number): string[] {
  return Array.from({ length: count }, (_, n) => didOf(person(n))).toSorted();
}

/** `count` texts, ascending. */
export function numbered(count: number, ending = ''): string[] {
  return Array.from({ length: count }, (_, n) => `${String(n).padStart(3, '0')}${ending}`);
}

function vector(
  name: string,
  kind: Vector['kind'] & string,
  bytes: Buffer,
  rest: Partial<Vector> = {},
): Vector {
  const digest = digestOf(bytes).toString('hex');
  return { name, hex: bytes.toString('hex'), valid: true, kind, digest, now: TIME, ...rest };
}

const link = (size: number): Buffer => cbor.bytes(Buffer.alloc(size, 7));

function policies(): Vector[] {
  const first = policyStep({ owner: AUTHOR, time: TIME });
  const transfer = policyStep({
    owner: AUTHOR,
    sequence: 2,
    after: first,
    time: TIME,
    holder: OTHER_AUTHOR,
  });
  const wallet = 'did:pkh:eip155:1:0xd8da6bf26964af9d7eed9e03e53415d37aa96045';
  const full = rules({
    publish: rule(false, ...someDids(32)),
    write: rule(true, ...someDids(32)),
    read: rule(false, ...someDids(32)),
    publicTopics: texts(...numbered(64, 'é'.repeat(126))),
    isPublic: cbor.TRUE,
    quotaBytes: cbor.integer(2n ** 53n - 1n),
    quotaKeys: cbor.integer(0),
    retentionMs: cbor.integer(1),
    domains: texts(...numbered(32, 'a'.repeat(252))),
  });
  return [
    vector('the example of the SPEC: a first policy', 'policy', policy()),
    vector(
      'a policy that follows it',
      'policy',
      policyStep({ owner: AUTHOR, sequence: 2, after: first, time: TIME }),
      {
        known: [first.toString('hex')],
      },
    ),
    vector('a transfer, at the same time as the one before', 'policy', transfer, {
      known: [first.toString('hex')],
    }),
    vector(
      'a policy of the new holder',
      'policy',
      policyStep({ owner: AUTHOR, sequence: 3, after: transfer, time: TIME, by: OTHER_AUTHOR }),
      { known: [first, transfer].map((bytes) => bytes.toString('hex')) },
    ),
    vector(
      'a namespace handed over by its first policy',
      'policy',
      policyStep({ owner: AUTHOR, time: TIME, holder: OTHER_AUTHOR }),
    ),
    vector(
      'in the name of a wallet, over a chain',
      'policy',
      policy({
        owner: cbor.text(wallet),
        holder: cbor.text(wallet),
        as: cbor.text(wallet),
        chain: cbor.list([link(2048), link(2048)]),
      }),
    ),
    vector('rules at their largest', 'policy', policy({ rules: full })),
    vector(
      'all topics public, sites with ports',
      'policy',
      policy({
        rules: rules({
          publicTopics: texts(''),
          domains: texts('[2001:db8::1]:8080', 'localhost:3000', 'maillon.example'),
        }),
      }),
    ),
    vector(
      'topics in the order of their bytes, not of UTF-16',
      'policy',
      policy({
        rules: rules({ publicTopics: texts('\uff5e', '\u{1f600}') }),
      }),
    ),
    vector('of long ago', 'policy', policy({ time: cbor.integer(0) })),
    vector('20 000 ms ahead of the clock', 'policy', policy(), { now: TIME - 20_000 }),
    vector(
      'with extensions',
      'policy',
      policy({ ext: cbor.map([['a', cbor.list([cbor.TRUE, cbor.NULL])]]) }),
    ),
  ];
}

function revocations(): Vector[] {
  const wallet = 'did:pkh:solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:11111111111111111111111111111111';
  return [
    vector('the example of the SPEC: a link revoked', 'revocation', revocation()),
    vector('a principal revoked', 'revocation', revokeDid(AUTHOR, didOf(OTHER_AUTHOR), { time: TIME })),
    vector(
      'somebody revokes its own key',
      'revocation',
      revokeDid(OTHER_AUTHOR, didOf(OTHER_AUTHOR), { time: TIME }),
    ),
    vector('a wallet revoked', 'revocation', revokeDid(AUTHOR, wallet, { time: TIME })),
    vector(
      'over a chain of 8 links',
      'revocation',
      revocation({ chain: cbor.list(Array.from({ length: 8 }, () => link(512))) }),
    ),
    vector(
      'the same link by somebody else',
      'revocation',
      revokeLink(OTHER_AUTHOR, linkNumber(1), { time: TIME }),
      {
        known: [revokeLink(AUTHOR, linkNumber(1), { time: TIME }).toString('hex')],
      },
    ),
  ];
}

function before(...list: readonly Buffer[]): Partial<Vector> {
  return { known: list.map((bytes) => bytes.toString('hex')) };
}

function sponsorships(): Vector[] {
  const operator = OTHER_AUTHOR;
  const step = (rest: Partial<Parameters<typeof sponsorshipStep>[0]>): Buffer =>
    sponsorshipStep({ operator, holder: WALLET, time: TIME, ...rest });
  const [lower = step({}), higher = step({})] = [
    step({}),
    step({ by: AUTHOR, chain: [Buffer.of(1)] }),
  ].toSorted((a, b) => Buffer.compare(digestOf(a), digestOf(b)));
  const bitcoin =
    'did:pkh:bip122:0f9188f13cb7b2c71f2a335e3a4fc328:bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
  return [
    vector('the example of the SPEC: a sponsorship', 'sponsorship', sponsorship()),
    vector('for all namespaces of the holder', 'sponsorship', step({ namespace: '*' })),
    vector(
      'for a namespace that somebody else made',
      'sponsorship',
      step({ owner: didOf(AUTHOR), namespace: 'news' }),
    ),
    vector('of a key', 'sponsorship', step({ holder: didOf(AUTHOR) })),
    vector('of a wallet of Bitcoin', 'sponsorship', step({ holder: bitcoin })),
    vector('withdrawn', 'sponsorship', step({ naming: [], time: TIME + 1 }), before(step({}))),
    vector('withdrawn before it is known', 'sponsorship', step({ naming: [] })),
    vector(
      'accepted again',
      'sponsorship',
      step({ time: TIME + 2 }),
      before(step({ naming: [], time: TIME + 1 })),
    ),
    vector('at the same time, with the greater digest', 'sponsorship', higher, before(lower)),
    vector(
      'of long ago, for another namespace',
      'sponsorship',
      step({ time: 0, namespace: 'a' }),
      before(step({})),
    ),
    vector('by another operator', 'sponsorship', step({ operator: AUTHOR }), before(step({}))),
    vector(
      'over two full chains',
      'sponsorship',
      step({
        naming: Array.from({ length: 8 }, () => Buffer.alloc(512, 7)),
        by: AUTHOR,
        chain: Array.from({ length: 2 }, () => Buffer.alloc(2048, 7)),
      }),
    ),
  ];
}

export function validVectors(): Vector[] {
  return [...policies(), ...revocations(), ...sponsorships()];
}
