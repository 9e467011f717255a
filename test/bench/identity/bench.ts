import { availableParallelism, loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createWalletCrypto, type WalletVerifier } from '../../../node/identity/wallets/index.ts';
import { atLeast, experiment, median, round } from '../../support/experiment.ts';
import {
  bitcoinSubject,
  ChainSubjects,
  personalSubjects,
  type Subject,
  secp256k1Subject,
} from './subjects.ts';

const FULL = {
  rounds: 5,
  signatures: 3000,
  chains: 2000,
  /** It is slow: this is as long as a round of the others. */
  byViem: 300,
};
type Sizes = typeof FULL;
const SMOKE: Sizes = { rounds: 1, signatures: 20, chains: 10, byViem: 5 };
/** Verifications that wait at a time: what a busy node has, far below the queue's bound. */
const AT_A_TIME = 256;

/** Rates of each subject, by its name, a number for every round. */
type Rates = Map<string, number[]>;

/** Cost of wallets' signatures and chains to a node, each seen for the first time; viem in the same rounds. */
export const identityBench = experiment({
  name: 'identity',
  summary: 'wallets’ signatures and delegation chains verified a second: uncached, cached, and against viem',
  full: FULL,
  smoke: SMOKE,
  async run(sizes, { progress }) {
    const wallets = createWalletCrypto();
    try {
      return await measure(wallets, sizes, progress);
    } finally {
      await wallets.stop();
    }
  },
});

async function measure(wallets: WalletVerifier, sizes: Sizes, progress: (line: string) => void) {
  const { rounds, signatures, chains: chainsOf, byViem } = sizes;
  progress('making signatures');
  const [personal, viem] = await personalSubjects(wallets, [signatures, byViem]);
  const fixed = [
    viem,
    bitcoinSubject(wallets, 'p2wpkh', signatures / 5),
    bitcoinSubject(wallets, 'p2tr', signatures / 5),
    secp256k1Subject(wallets, signatures),
  ];
  const chains = [new ChainSubjects(wallets, 1, chainsOf), new ChainSubjects(wallets, 2, chainsOf)];
  const rates: Rates = new Map();
  const delays: number[] = [];
  for (let number = 0; number <= rounds; number++) {
    // the first round starts the threads and compiles
    const into: Rates = number === 0 ? new Map() : rates;
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await run(personal, into);
    delay.disable();
    if (number > 0) delays.push(delay.percentile(99) / 1e6);
    for (const subject of fixed) await run(subject, into);
    for (const kind of chains) {
      await run(kind.read, into);
      await run(kind.uncached, into);
      await run(kind.cached, into);
    }
    progress(`round ${number}: ${[...into].map(([name, all]) => `${name} ${all.at(-1)}/s`).join(', ')}`);
  }
  return resultOf(rates, delays, wallets);
}

async function run(subject: Subject, rates: Rates): Promise<void> {
  const since = performance.now();
  let next = 0;
  const verifier = async (): Promise<void> => {
    for (let index = next++; index < subject.count; index = next++) {
      const verified = subject.verify(index);
      // what is known is answered at once, and nothing is to be waited for
      if (!(typeof verified === 'boolean' ? verified : await verified)) {
        throw new Error(`${subject.name}: ${index} is not good`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, verifier));
  const rate = Math.round((subject.count / (performance.now() - since)) * 1000);
  rates.set(subject.name, [...(rates.get(subject.name) ?? []), rate]);
}

function resultOf(rates: Rates, delays: readonly number[], wallets: WalletVerifier) {
  const of = (name: string): number[] => rates.get(name) ?? [];
  const viem = of('EIP-191 by viem');
  const ratio = round(median(of('EIP-191').map((rate, index) => rate / (viem[index] ?? Number.NaN))));
  const signatures = of('EIP-191');
  const chains = of('chains, EVM sign-in').map((rate, index) => rate / (signatures[index] ?? Number.NaN));
  const perS = Object.fromEntries([...rates].map(([name, all]) => [name, median(all)]));
  return {
    name: 'identity',
    figures: {
      perS,
      overViem: ratio,
      // what a chain costs beside its signature: 1 would be nothing
      chainsOverSignatures: round(median(chains)),
      eventLoopP99Ms: round(median(delays)),
      threads: wallets.threads,
      implementation: wallets.implementation,
      processors: availableParallelism(),
      load: round(loadavg()[0] ?? Number.NaN),
      rounds: delays.length,
    },
    targets: [
      atLeast('EIP-191 signatures/s', median(of('EIP-191')), 10_000),
      atLeast('chains of an EVM sign-in/s, uncached', median(of('chains, EVM sign-in')), 10_000),
      atLeast('EIP-191 signatures against viem', ratio, 5),
    ],
  };
}
