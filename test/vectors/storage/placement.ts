import * as cbor from '../../support/cbor.ts';
import { sha256 } from '../../support/envelopes.ts';
import { namespaceIdOf, placeOfPartition } from '../../support/records.ts';
import type { OrderVector, PlacementVector } from './vector.ts';

type Member = PlacementVector['members'][number];

const PLACE = placeOfPartition(namespaceIdOf('', 'default'), 3);

function member(number: number, prefix = `192.0.${number}.0/24`, isLive = true): Member {
  const id = `12D3KooWmember${number}`;
  return { id, kadId: sha256(Buffer.from(id)).toString('hex'), prefix, isLive };
}

/** By the SPEC, in whole numbers: nothing of the code under test is in here. */
function distance({ kadId }: Member): bigint {
  return BigInt(`0x${kadId}`) ^ BigInt(`0x${PLACE.toString('hex')}`);
}

function closest(
  members: readonly Member[],
  count: number,
  isDistinct: boolean,
  taken: readonly string[],
): Member[] {
  const picked: Member[] = [];
  const prefixes = [...taken];
  for (const one of members.toSorted((a, b) => (distance(a) < distance(b) ? -1 : 1))) {
    const isFree = !isDistinct || one.prefix === 'loopback' || !prefixes.includes(one.prefix);
    if (!isFree || picked.length === count) continue;
    picked.push(one);
    prefixes.push(one.prefix);
  }
  return picked;
}

interface Options {
  readonly replicas?: number;
  readonly distinctPrefixes?: boolean;
}

function vector(
  name: string,
  members: readonly Member[],
  { replicas = 3, distinctPrefixes = true }: Options = {},
): PlacementVector {
  const homes = closest(members, replicas, distinctPrefixes, []);
  const live = homes.filter(({ isLive }) => isLive);
  const others = members.filter((one) => one.isLive && !homes.includes(one));
  const taken = live.map(({ prefix }) => prefix);
  const standIns = closest(others, homes.length - live.length, distinctPrefixes, taken);
  const ids = homes.map(({ id }) => id);
  const view = sha256(cbor.list(ids.map((id) => cbor.text(id)))).toString('hex', 0, 8);
  const place = PLACE.toString('hex');
  const standInIds = standIns.map(({ id }) => id);
  return { name, place, members, replicas, distinctPrefixes, homes: ids, standIns: standInIds, view };
}

const TEN = Array.from({ length: 10 }, (_, number) => member(number));
const CLOSEST = closest(TEN, 10, true, []);

/** Those of the ten at these ranks of distance are gone. */
function without(...ranks: readonly number[]): Member[] {
  const gone = new Set(ranks.map((rank) => CLOSEST[rank]?.id));
  return TEN.map((one) => ({ ...one, isLive: !gone.has(one.id) }));
}

export function placementVectors(): PlacementVector[] {
  const samePrefix = (prefix: string): Member[] =>
    TEN.map(({ id }, number) => ({ ...member(number, prefix), id }));
  const pairs = TEN.map((one, number) => ({ ...one, prefix: `192.0.${number >> 1}.0/24` }));
  const pairsGone = pairs.map((one) => ({ ...one, isLive: one.id !== CLOSEST[0]?.id }));
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
    vector('all of one prefix', samePrefix('192.0.2.0/24')),
    vector('all of one prefix, which does not matter', samePrefix('192.0.2.0/24'), {
      distinctPrefixes: false,
    }),
    vector('all on one machine', samePrefix('loopback')),
    vector('two of each prefix', pairs),
    vector('two of each prefix, the closest one is gone', pairsGone),
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
