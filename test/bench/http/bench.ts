import { availableParallelism, loadavg } from 'node:os';
import { AskedProcess } from '../../support/asked-process.ts';
import { atLeast, cpuSeconds, experiment, median, type Result, round } from '../../support/experiment.ts';
import { maillon, type Program, scratch } from '../../support/processes.ts';
import { type ChainType, post, proofFor, type SignedIn, signIn, walletOf } from '../../support/sign-in.ts';
import type { BareRequest } from './bare-server.ts';
import type { Line, Load, LoadRequest } from './load.ts';

const FULL = {
  rounds: 7,
  roundMs: 3_000,
  warmUpMs: 3_000,
  /** Wallets that sign in, each once, so many at a time: as long as a round of the others. */
  signIns: 300,
};
type Sizes = typeof FULL;
const SMOKE: Sizes = { rounds: 1, roundMs: 100, warmUpMs: 50, signIns: 4 };
const CONNECTIONS = 32;
const SIGN_INS_AT_A_TIME = 16;
/** The door itself: it looks at the credential and says whose it is, and needs nothing else of the gateway. */
const WHOAMI = '/v1/auth/whoami';
const VALUE = '/v1/kv/default/small';
const RATES = ['requests', 'keys', 'namespaces'].flatMap((rate) => [`--gateway-rate-${rate}`, '1000000']);
/** Headers that node:http itself writes. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['date', 'connection', 'keep-alive']);
/** Headers every answer must have. */
const LEAST_HEADERS: ReadonlySet<string> = new Set(['content-type', 'content-length']);

interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly request: Omit<LoadRequest, 'ms'>;
}

interface Round {
  readonly perSecond: number;
  /** CPU time of the server, microseconds a request, and its share of one processor. */
  readonly cpuUs: number;
  readonly serverCpu: number;
  readonly clientCpu: number;
}

type Rounds = Map<string, Round[]>;

/**
 * Cost of authentication at the gateway against node:http with the same bytes and the same client, one after the other in every
 * round; and the rate of wallet sign-ins.
 */
export const httpBench = experiment({
  name: 'http',
  summary: 'an authenticated small GET against bare node:http with the same answer; sign-ins a second',
  full: FULL,
  smoke: SMOKE,
  async run(sizes, { progress }) {
    const ends: (() => void | Promise<void>)[] = [];
    const cleanup = { after: (end: () => void | Promise<void>) => void ends.unshift(end) };
    try {
      const gateway = maillon(cleanup, ['node', '--json', '--log-level', 'silent', ...RATES], {
        env: { MAILLON_DATA: scratch(cleanup) },
      });
      const { url } = JSON.parse(await gateway.firstLine()) as { url: string };
      const session = await signIn(url, await walletOf(1));
      const stored = await fetch(url + VALUE, { method: 'PUT', body: 'small', headers: headersOf(session) });
      if (!stored.ok) throw new Error(`no value: ${await stored.text()}`);
      const subjects = await subjectsOf(cleanup, { gateway, url, session });
      const rounds = await measure(cleanup, { subjects, sizes }, progress);
      const signIns = {
        evm: await signInsPerSecond(url, 'EVM', sizes.signIns),
        solana: await signInsPerSecond(url, 'SOL', sizes.signIns),
      };
      progress(`sign-ins a second: EVM ${signIns.evm}, Solana ${signIns.solana}`);
      return summarise(rounds, signIns);
    } finally {
      for (const end of ends) await end();
    }
  },
});

type Cleanup = Parameters<typeof scratch>[0];

function headersOf({ access_token: token }: SignedIn): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

/** Everything is asked for with the same request, also where nobody looks at the credential. */
async function subjectsOf(
  cleanup: Cleanup,
  { gateway, url, session }: { gateway: Program; url: string; session: SignedIn },
): Promise<Subject[]> {
  const authorization = headersOf(session);
  const answer = await fetch(url + WHOAMI, { headers: authorization });
  const body = await answer.text();
  if (!answer.ok) throw new Error(`no answer to compare with: ${body}`);
  const headers = [...answer.headers].filter(([name]) => !OWN_HEADERS.has(name));
  const gatewayPid = gateway.process.pid ?? 0;
  const to = (port: number, path: string, lines: readonly Line[] = Object.entries(authorization)) => {
    return { port, path, headers: lines, connections: CONNECTIONS };
  };
  const port = Number(new URL(url).port);
  const bare = async (request: BareRequest) => {
    const server = new AskedProcess<BareRequest>(new URL('bare-server.ts', import.meta.url));
    cleanup.after(() => server.stop());
    return { pid: server.pid, request: to(await server.ask<number>(request), WHOAMI) };
  };
  return [
    { name: 'bare', ...(await bare({ headers, body })) },
    { name: 'gateway', pid: gatewayPid, request: to(port, WHOAMI) },
    { name: 'apiKey', pid: gatewayPid, request: to(port, WHOAMI, [['x-api-key', session.api_key]]) },
    { name: 'storedValue', pid: gatewayPid, request: to(port, VALUE) },
    { name: 'live', pid: gatewayPid, request: to(port, '/livez', []) },
    {
      name: 'bareFewHeaders',
      ...(await bare({ headers: headers.filter(([name]) => LEAST_HEADERS.has(name)), body })),
    },
  ];
}

async function measure(
  cleanup: Cleanup,
  { subjects, sizes }: { subjects: readonly Subject[]; sizes: Sizes },
  progress: (line: string) => void,
): Promise<Rounds> {
  const client = new AskedProcess<LoadRequest>(new URL('load.ts', import.meta.url));
  cleanup.after(() => client.stop());
  const run = async ({ pid, request }: Subject, ms: number): Promise<Round> => {
    const before = cpuSeconds(pid);
    const { requests, seconds, cpu } = await client.ask<Load>({ ...request, ms });
    const used = cpuSeconds(pid) - before;
    return {
      perSecond: requests / seconds,
      cpuUs: (used * 1e6) / requests,
      serverCpu: used / seconds,
      clientCpu: cpu,
    };
  };
  for (const subject of subjects) await run(subject, sizes.warmUpMs);
  const rounds: Rounds = new Map(subjects.map(({ name }) => [name, []]));
  for (let number = 1; number <= sizes.rounds; number++) {
    // each goes first as often as the others
    for (const at of subjects.keys()) {
      const subject = subjects[(at + number) % subjects.length] as Subject;
      rounds.get(subject.name)?.push(await run(subject, sizes.roundMs));
    }
    const said = [...rounds].map(([name, all]) => `${name} ${round(all.at(-1)?.perSecond ?? 0, 0)}`);
    progress(`round ${number}, requests a second: ${said.join(', ')}`);
  }
  return rounds;
}

/** Challenges are asked for and signed before: what is measured is the gateway's part. */
async function signInsPerSecond(url: string, chain: ChainType, count: number): Promise<number> {
  const proofs: object[] = [];
  for (let number = 1; number <= count; number++) {
    proofs.push(await proofFor(url, await walletOf(number, chain)));
  }
  const since = performance.now();
  const next = proofs.values();
  const signAll = async (): Promise<void> => {
    for (const proof of next) {
      const answer = await post(url, '/v1/auth/verify', proof);
      if (!answer.ok) throw new Error(`no session: ${await answer.text()}`);
      await answer.text();
    }
  };
  await Promise.all(Array.from({ length: SIGN_INS_AT_A_TIME }, signAll));
  return round(count / ((performance.now() - since) / 1000), 0);
}

function summarise(rounds: Rounds, signIns: { evm: number; solana: number }): Result {
  const all = (name: string): readonly Round[] => rounds.get(name) ?? [];
  const ratios = (name: string, to: string): number[] =>
    all(name).map(({ perSecond }, index) => perSecond / (all(to)[index]?.perSecond ?? Number.NaN));
  const ratio = round(median(ratios('gateway', 'bare')));
  const cpuOf = (name: string) => median(all(name).map(({ cpuUs }) => cpuUs));
  const [load = Number.NaN] = loadavg();
  return {
    name: 'http',
    figures: {
      route: WHOAMI,
      rounds: all('bare').length,
      connections: CONNECTIONS,
      requestsPerSecond: Object.fromEntries(
        [...rounds].map(([name, one]) => [name, round(median(one.map(({ perSecond }) => perSecond)), 0)]),
      ),
      cpuMicrosecondsPerRequest: Object.fromEntries(
        [...rounds.keys()].map((name) => [name, round(cpuOf(name), 1)]),
      ),
      serverCpu: Object.fromEntries(
        [...rounds].map(([name, one]) => [name, round(median(one.map(({ serverCpu }) => serverCpu)))]),
      ),
      clientCpu: Object.fromEntries(
        [...rounds].map(([name, one]) => [name, round(median(one.map(({ clientCpu }) => clientCpu)))]),
      ),
      ratios: ratios('gateway', 'bare').map((one) => round(one)),
      ratioByCpu: round(cpuOf('bare') / cpuOf('gateway')),
      ratioToFewHeaders: round(median(ratios('gateway', 'bareFewHeaders'))),
      ratioOfApiKey: round(median(ratios('apiKey', 'bare'))),
      ratioOfStoredValue: round(median(ratios('storedValue', 'bare'))),
      ratioWithoutCredential: round(median(ratios('live', 'bare'))),
      signInsPerSecond: signIns,
      processors: availableParallelism(),
      loadAverage: round(load),
    },
    targets: [atLeast('authenticated GET, requests a second against bare node:http', ratio, 0.7)],
  };
}
