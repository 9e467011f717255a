import type { History } from './history.ts';
import type { Plant } from './node.ts';
import { type Outcome, Run } from './run.ts';

/** Histories played to make one shorter. */
const PLAYS_MAX = 150;

/** The same history with as few steps as still break the same invariant: parts are left out, large ones first. */
export async function shrink(
  history: History,
  plant: Plant = {},
): Promise<{ history: History; outcome: Outcome }> {
  let best = { history, outcome: await new Run(history, plant).run() };
  const invariant = best.outcome.violations[0]?.invariant;
  let plays = 0;
  for (let size = Math.ceil(history.steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.history.steps.length && plays < PLAYS_MAX; ) {
      const shorter = without(best.history, at, size);
      plays += 1;
      const outcome = await new Run(shorter, plant).run();
      if (outcome.violations[0]?.invariant === invariant) best = { history: shorter, outcome };
      else at += size;
    }
  }
  return best;
}

/** Without some steps; what they took of the time passes all the same. */
function without(history: History, at: number, count: number): History {
  const { steps } = history;
  const lost = steps.slice(at, at + count).reduce((sum, { afterMs }) => sum + afterMs, 0);
  const [next, ...rest] = steps.slice(at + count);
  const later = next === undefined ? [] : [{ ...next, afterMs: next.afterMs + lost }, ...rest];
  return { ...history, steps: [...steps.slice(0, at), ...later] };
}
