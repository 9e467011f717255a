import { setTimeout as wait } from 'node:timers/promises';
import type { Target } from '../../support/experiment.ts';
import { atMost } from '../../support/experiment.ts';
import type { History } from './history.ts';
import type { Random } from './random.ts';
import type { Site } from './site.ts';
import { readMajority } from './workload.ts';

/** Reads of an audit at a time. */
const READERS = 8;
/** A read that finds no majority is tried again: after a fault that ended the replicas have some time to come back. */
const ATTEMPTS = 30;
const PAUSE_MS = 1_000;

/** Reads every key by majority, and lists them, once nobody writes any more. Returns how many could not be read at all. */
export async function audit(
  history: History,
  sites: readonly Site[],
  random: Random,
  prefix: string,
): Promise<number> {
  const keys = [...history.keys].filter((key) => key.startsWith(prefix));
  let unreadable = 0;
  let next = 0;
  const reader = async (): Promise<void> => {
    for (let key = keys[next++]; key !== undefined; key = keys[next++]) {
      const site = random.pick(sites);
      if (!(await patiently(() => readMajority(history, site, key)))) unreadable += 1;
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  for (const site of sites) {
    const isListed = await patiently(async () => {
      const startedAt = history.now();
      const listed = await site.list(prefix);
      history.judgeList(prefix, startedAt, listed, site.name);
      return typeof listed !== 'string';
    });
    if (!isListed) unreadable += 1;
  }
  return unreadable;
}

async function patiently(attempt: () => Promise<boolean>): Promise<boolean> {
  for (let i = 0; i < ATTEMPTS; i++) {
    if (await attempt()) return true;
    await wait(PAUSE_MS);
  }
  return false;
}

/** Targets that the history of every scenario must meet. */
export function historyTargets(name: string, history: History, unreadable: number): Target[] {
  const { violations } = history;
  return [
    atMost(`${name}: acknowledged writes lost`, violations.lost, 0),
    atMost(`${name}: older values after acknowledged newer ones`, violations.older, 0),
    atMost(`${name}: deleted values that came back`, violations.deletedBack, 0),
    atMost(`${name}: lists that miss a key or have one too many`, violations.listWrong, 0),
    atMost(`${name}: values of writes that were refused for certain`, violations.refusedSeen, 0),
    atMost(`${name}: values nobody wrote`, violations.unknownValue, 0),
    atMost(`${name}: later writes with lower versions`, violations.versionOrder, 0),
    atMost(`${name}: conditional writes on what was not there any more`, violations.staleCondition, 0),
    atMost(`${name}: keys or lists that could not be read in the end`, unreadable, 0),
  ];
}

export function historyFigures(history: History, sites: readonly Site[]): Record<string, unknown> {
  const { acked, refused, unclear, reads, failedReads, lists, failedLists, backwardReads } = history;
  const faults = sites.flatMap((site) => [...site.faults]);
  return {
    keys: history.keys.length,
    acknowledged: acked,
    refused,
    unclear,
    reads,
    failedReads,
    lists,
    failedLists,
    backwardReads,
    codes: Object.fromEntries(history.codes),
    faults: Object.fromEntries(faults),
    violations: history.examples,
  };
}
