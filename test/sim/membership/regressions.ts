import type { History, NodeSpec, TimedStep } from './history.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

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

function put(node: number, owner: number): TimedStep {
  const options = { durability: 'majority', condition: 'none', ttlMs: null } as const;
  return { do: 'put', node, owner, key: 0, ...options, afterMs: MINUTE_MS };
}
