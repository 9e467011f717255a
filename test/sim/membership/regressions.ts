import type { History, NodeSpec, TimedStep } from './history.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** Longer than tombstones live. */
const LONG_MS = 8 * 24 * 60 * MINUTE_MS;

/** Histories in which something was lost, or stood still, before it was mended. */
export const REGRESSIONS: Readonly<Record<string, History>> = {
  'the second of two machines goes on when the first is lost': {
    seed: 1,
    nodes: nodesOf(0, 0),
    sponsors: [[0]],
    steps: [...starts(2), put(1, 0), { do: 'lose', node: 0, isForGood: true, afterMs: MINUTE_MS }],
  },
  "an owner's namespace takes writes when one of its two operators has lost its last machine": {
    seed: 3,
    nodes: nodesOf(0, 1),
    sponsors: [[0, 1], [1]],
    steps: [...starts(2), put(1, 0), { do: 'lose', node: 0, isForGood: true, afterMs: MINUTE_MS }],
  },
  // as `shrink` left it: who finds whom gone, and when, hangs on the times
  'what only a replica has that was away for eight days is there again, though nobody names its operator any more':
    {
      seed: 20_001_661,
      nodes: nodesOf(0, 1, 1, 1).map((node, index) =>
        Object.assign(node, { identity: [14, 45, 39, 60][index] }),
      ),
      sponsors: [[0], [0, 1]],
      steps: [
        { do: 'start', node: 0, afterMs: 1_310 },
        { do: 'start', node: 1, afterMs: 2_800 },
        { do: 'start', node: 2, afterMs: 1_030 },
        { ...put(1, 1), key: 1, afterMs: 50_140 },
        { do: 'lose', node: 1, isForGood: true, afterMs: 27_430 },
        { do: 'crash', node: 0, isSilent: true, afterMs: 118_440 },
        { do: 'lose', node: 2, isForGood: false, afterMs: 74_260 },
        { do: 'start', node: 2, afterMs: LONG_MS },
        { do: 'start', node: 0, afterMs: 1_700 },
        { do: 'sponsor', node: 0, owner: 1, operator: 0, isOn: false, afterMs: 1_310 },
      ],
    },
  'what was deleted while a replica was away for eight days stays so': {
    seed: 5,
    nodes: nodesOf(0, 0, 0),
    sponsors: [[0]],
    steps: [
      ...starts(3),
      put(1, 0),
      { do: 'crash', node: 0, isSilent: true, afterMs: MINUTE_MS },
      { do: 'delete', node: 1, owner: 0, key: 0, afterMs: MINUTE_MS },
      { do: 'crash', node: 2, isSilent: true, afterMs: LONG_MS },
      { do: 'start', node: 0, afterMs: SECOND_MS },
    ],
  },
};

/** Nodes of these operators, all in one group of addresses. */
function nodesOf(...operators: readonly number[]): NodeSpec[] {
  return operators.map((operator, index) => ({ identity: index, operator, prefix: '192.0.2.0/24' }));
}

function starts(count: number): TimedStep[] {
  return Array.from(
    { length: count },
    (_, node) => ({ do: 'start', node, afterMs: 20 * SECOND_MS }) as const,
  );
}

function put(node: number, owner: number): Extract<TimedStep, { do: 'put' }> {
  const options = { durability: 'majority', condition: 'none', ttlMs: null } as const;
  return { do: 'put', node, owner, key: 0, ...options, afterMs: MINUTE_MS };
}
