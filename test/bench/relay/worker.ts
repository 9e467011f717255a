import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { encodePayload, Ledger } from './ledger.ts';
import { createSubject, type Mode, type Subject } from './subjects.ts';

/** A process with some of the nodes. It answers each request with one reply, and reports what arrived. */
export interface StartRequest {
  readonly type: 'start';
  readonly mode: Mode;
  readonly nodes: number;
  readonly publishers: number;
  /** Numbers of the publishers that live here, one for each of the first nodes. */
  readonly mine: readonly number[];
  readonly directory: string;
}
export type Request =
  | StartRequest
  | { readonly type: 'dial'; readonly plan: readonly (readonly string[])[] }
  | { readonly type: 'meshed' }
  | { readonly type: 'usage' }
  | { readonly type: 'saturate'; readonly window: number }
  | { readonly type: 'steady'; readonly perSecond: number }
  | { readonly type: 'rest' }
  | { readonly type: 'stop' }
  | { readonly type: 'acknowledged'; readonly counts: readonly number[] };

/** Resources and deliveries of a process since its start. */
export interface Usage {
  readonly cpuMs: number;
  readonly deliveries: number;
  readonly copies: number;
  readonly duplicates: number;
  readonly sent: number;
  readonly failed: number;
  readonly latenciesMs: number[];
}

const REPORT_MS = 25;
const TICK_MS = 5;

let subjects: Subject[] = [];
let ledgers: Ledger[] = [];
let setup: StartRequest | undefined;
/** Messages sent by each publisher of this process. */
let sent: number[] = [];
let failed = 0;
let acknowledged: readonly number[] = [];
let timer: NodeJS.Timeout | undefined;
let sampleLatency = false;
let window = 0;

process.on('message', (request: Request) => {
  if (request.type === 'acknowledged') {
    acknowledged = request.counts;
    if (window > 0) fillWindow();
    return;
  }
  handle(request).then(
    (reply) => process.send?.({ type: 'reply', reply }),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));

async function handle(request: Exclude<Request, { type: 'acknowledged' }>): Promise<unknown> {
  switch (request.type) {
    case 'start':
      return start(request);
    case 'dial':
      await Promise.all(subjects.map((subject, index) => subject.dial(request.plan[index] ?? [])));
      return undefined;
    case 'meshed':
      return subjects.every((subject) => subject.meshed());
    case 'saturate':
      window = request.window;
      fillWindow();
      return undefined;
    case 'steady':
      sampleLatency = true;
      steady(request.perSecond);
      return undefined;
    case 'rest':
      window = 0;
      clearInterval(timer);
      return undefined;
    case 'usage':
      return usage();
    default:
      await Promise.all(subjects.map((subject) => subject.stop()));
      return undefined;
  }
}

async function start(request: StartRequest): Promise<string[]> {
  setup = request;
  sent = request.mine.map(() => 0);
  acknowledged = request.mine.map(() => 0);
  for (let index = 0; index < request.nodes; index++) {
    const data = join(request.directory, `${process.pid}-${index}`);
    mkdirSync(data, { recursive: true });
    subjects.push(await createSubject(request.mode, data));
  }
  ledgers = subjects.map(() => new Ledger(request.publishers));
  subjects.forEach((subject, index) => {
    subject.onMessage((data) => ledgers[index]?.record(data, sampleLatency));
  });
  setInterval(() => {
    // the parent may go away in the middle of it: the disconnect event ends this process then
    process.send?.({ type: 'counts', counts: leastReceived(request) }, undefined, undefined, () => undefined);
  }, REPORT_MS);
  return subjects.map((subject) => subject.address);
}

/** Messages of each publisher that every node here has received, not counting a publisher's own node. */
function leastReceived(request: StartRequest): number[] {
  return Array.from({ length: request.publishers }, (_, publisher) => {
    const own = request.mine.indexOf(publisher);
    const others = ledgers.filter((_, index) => index !== own);
    return Math.min(...others.map((ledger) => ledger.counts[publisher] ?? 0));
  });
}

/** Keeps `window` messages of each publisher on their way: as much as the swarm takes without losing one. */
function fillWindow(): void {
  sent.forEach((_, index) => {
    while ((sent[index] ?? 0) - (acknowledged[index] ?? 0) < window) publish(index);
  });
}

function steady(perSecond: number): void {
  const startedAt = performance.now();
  const before = [...sent];
  timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond);
    sent.forEach((_, index) => {
      while ((sent[index] ?? 0) - (before[index] ?? 0) < due) publish(index);
    });
  }, TICK_MS);
}

function publish(index: number): void {
  const publisher = setup?.mine[index] ?? 0;
  const counter = sent[index] ?? 0;
  sent[index] = counter + 1;
  subjects[index]?.publish(encodePayload(publisher, counter)).catch(() => {
    failed += 1;
  });
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  const sum = (pick: (ledger: Ledger) => number): number =>
    ledgers.reduce((total, ledger) => total + pick(ledger), 0);
  const own = (setup?.mine ?? []).map((publisher, index) => ledgers[index]?.counts[publisher] ?? 0);
  const latenciesMs = ledgers.flatMap((ledger) => ledger.latenciesMs);
  for (const ledger of ledgers) ledger.latenciesMs = [];
  return {
    cpuMs: (user + system) / 1000,
    deliveries: sum((ledger) => ledger.counts.reduce((a, b) => a + b, 0)) - own.reduce((a, b) => a + b, 0),
    copies: subjects.reduce((total, subject) => total + subject.copies(), 0),
    duplicates: sum((ledger) => ledger.duplicates),
    sent: sent.reduce((a, b) => a + b, 0),
    failed,
    latenciesMs,
  };
}
