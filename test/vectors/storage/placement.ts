import * as cbor from '../../support/cbor.ts';
import { didOf } from '../../support/did.ts';
import { AUTHOR, sha256 } from '../../support/envelopes.ts';
import { namespaceIdOf, placeOfPartition } from '../../support/records.ts';
import type { OrderVector, PlacementVector } from './vector.ts';

type Member = PlacementVector['members'][number];

const PLACE = placeOfPartition(namespaceIdOf(didOf(AUTHOR), 'default'), 3);
/** The operators of a namespace that two sponsor. */
const SPONSORS = ['did:key:zAlice', 'did:key:zBob'] as const;
const STRANGER = 'did:key:zMallory';

function member(number: number, other: Partial<Member> = {}): Member {
  const id = `12D3KooWmember${number}`;
  const kadId = sha256(Buffer.from(id)).toString('hex');
  return { id, kadId, prefix: `192.0.${number}.0/24`, isLive: true, operator: '', isReady: false, ...other };
}

/** By the SPEC, in whole numbers: nothing of the code under test is in here. */
function distance({ kadId }: Member): bigint {
  return BigInt(`0x${kadId}`) ^ BigInt(`0x${PLACE.toString('hex')}`);
}

function sorted(members: readonly Member[]): Member[] {
  return members.toSorted((a, b) => (distance(a) < distance(b) ? -1 : 1));
}

/** The closest of new prefixes; as many of the others as are missing then, the closest first. */
function closest(
  members: readonly Member[],
  count: number,
  isDistinct: boolean,
  taken: readonly string[],
): Member[] {
  const spread: Member[] = [];
  const prefixes = [...taken];
  for (const one of sorted(members)) {
    const isFree = !isDistinct || one.prefix === 'loopback' || !prefixes.includes(one.prefix);
    if (!isFree || spread.length === count) continue;
    spread.push(one);
    prefixes.push(one.prefix);
  }
  const rest = sorted(members.filter((one) => !spread.includes(one)));
  return sorted([...spread, ...rest.slice(0, count - spread.length)]);
}

interface Options {
  readonly replicas?: number;
  readonly distinctPrefixes?: boolean;
  readonly sponsors?: readonly string[];
}

function vector(
  name: string,
  members: readonly Member[],
  { replicas = 3, distinctPrefixes = true, sponsors = [] }: Options = {},
): PlacementVector {
  const isOwn = ({ operator, isReady }: Member): boolean => isReady && sponsors.includes(operator);
  const own = members.filter(isOwn);
  const replicaSet = closest(own.length === 0 ? members : own, replicas, distinctPrefixes, []);
  const live = replicaSet.filter(({ isLive }) => isLive);
  const missing = replicas - live.length;
  const others = members.filter((one) => one.isLive && !replicaSet.includes(one));
  const prefixes = (list: readonly Member[]): string[] => list.map(({ prefix }) => prefix);
  const next = closest(others.filter(isOwn), missing, distinctPrefixes, prefixes(live));
  const strangers = others.filter((one) => !isOwn(one));
  const taken = prefixes([...live, ...next]);
  const fallbacks = [...next, ...closest(strangers, missing - next.length, distinctPrefixes, taken)];
  const ids = (list: readonly Member[]): string[] => list.map(({ id }) => id);
  const setId = sha256(cbor.list(ids(replicaSet).map((id) => cbor.text(id)))).toString('hex', 0, 8);
  const place = PLACE.toString('hex');
  const found = { replicaSet: ids(replicaSet), fallbacks: ids(fallbacks), setId };
  return { name, place, members, sponsors, replicas, distinctPrefixes, ...found };
}

const TEN = Array.from({ length: 10 }, (_, number) => member(number));
/** The ten, the closest first. */
const CLOSEST = sorted(TEN);

/** The ten, with something else at some ranks of distance. */
function ranked(at: Readonly<Record<number, Partial<Member>>>, members = TEN): Member[] {
  return members.map((one) => ({ ...one, ...at[CLOSEST.findIndex(({ id }) => id === one.id)] }));
}

/** Those of the ten at these ranks of distance are gone. */
function without(...ranks: readonly number[]): Member[] {
  return ranked(Object.fromEntries(ranks.map((rank) => [rank, { isLive: false }])));
}

const READY = { operator: SPONSORS[0], isReady: true };
const READY_TOO = { operator: SPONSORS[1], isReady: true };

function prefixes(): PlacementVector[] {
  const samePrefix = (prefix: string): Member[] => TEN.map((one) => ({ ...one, prefix }));
  const pairs = TEN.map((one, number) => ({ ...one, prefix: `192.0.${number >> 1}.0/24` }));
  const close = { prefix: '198.51.100.0/24' };
  return [
    vector('all of one prefix', samePrefix('192.0.2.0/24')),
    vector('all of one prefix, which does not matter', samePrefix('192.0.2.0/24'), {
      distinctPrefixes: false,
    }),
    vector('all on one machine', samePrefix('loopback')),
    vector('two of each prefix', pairs),
    vector('two of each prefix, the closest one is gone', ranked({ 0: { isLive: false } }, pairs)),
    vector('the two closest ones of one prefix', ranked({ 0: close, 1: close })),
    vector('two prefixes for three replicas', ranked({ 9: close }, samePrefix('192.0.2.0/24'))),
    vector('two prefixes for three replicas, the closest one is gone', [
      ...ranked({ 0: { isLive: false }, 9: close }, samePrefix('192.0.2.0/24')),
    ]),
    vector(
      'sponsors of one prefix, and others of many',
      ranked({ 2: { ...READY, ...close }, 4: { ...READY, ...close }, 6: { ...READY, ...close } }),
      { sponsors: SPONSORS },
    ),
  ];
}

/** The ten, with sponsors at some ranks of distance. */
function of(
  name: string,
  at: Readonly<Record<number, Partial<Member>>>,
  sponsors: readonly string[] = SPONSORS,
): PlacementVector {
  return vector(name, ranked(at), { sponsors });
}

function sponsored(): PlacementVector[] {
  return [
    of('nobody sponsors', {}),
    of('no operator is named', { 1: READY }, []),
    of('an empty operator is nobody', { 5: { isReady: true } }),
    of('one sponsor, and copies beside it', { 9: READY }),
    of('one sponsor, which is gone', { 9: { ...READY, isLive: false } }),
    of('two sponsors, one is gone', { 4: READY, 8: { ...READY_TOO, isLive: false } }),
    of('three sponsors of two operators', { 3: READY, 6: READY_TOO, 9: READY }),
    of('five sponsors', { 1: READY, 3: READY_TOO, 5: READY, 7: READY_TOO, 9: READY }),
    of('five sponsors, the closest one is gone', {
      1: { ...READY, isLive: false },
      3: READY_TOO,
      5: READY,
      7: READY_TOO,
      9: READY,
    }),
    of('five sponsors, the three closest ones are gone', {
      1: { ...READY, isLive: false },
      3: { ...READY_TOO, isLive: false },
      5: { ...READY, isLive: false },
      7: READY_TOO,
      9: READY,
    }),
    of('the closest sponsor is not ready', { 0: { ...READY, isReady: false }, 4: READY, 8: READY_TOO }),
    of('no sponsor is ready', { 3: { ...READY, isReady: false }, 6: { ...READY_TOO, isReady: false } }),
    of('a sponsor of somebody else, ready', { 0: { operator: STRANGER, isReady: true }, 7: READY }),
  ];
}

export function placementVectors(): PlacementVector[] {
  return [
    vector('nobody', []),
    vector('one', TEN.slice(0, 1)),
    vector('two, of three that are wanted', TEN.slice(0, 2)),
    vector('ten', TEN),
    vector('ten, all replicas', TEN, { replicas: 10 }),
    vector('ten, one replica', TEN, { replicas: 1 }),
    vector('the closest one is gone', without(0)),
    vector('all homes are gone', without(0, 1, 2)),
    vector('a home and the next closest are gone', without(1, 3)),
    vector('all are gone', without(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)),
    ...prefixes(),
    ...sponsored(),
  ];
}

export function orderVectors(): OrderVector[] {
  return [
    {
      name: 'of UTF-8, not of UTF-16',
      keys: [
        '\u0000',
        'a',
        'a\u0000',
        'aa',
        'b',
        'é',
        '\uD7FF',
        '\uE000',
        '\uFFFF',
        '\u{10000}',
        '\u{10FFFF}',
      ],
    },
    { name: 'of paths', keys: ['a', 'a ', 'a/', 'a/b', 'a0', 'ab'] },
  ];
}
