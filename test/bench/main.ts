import { relayBench } from './relay/bench.ts';
import { printResult, type Benchmark } from './result.ts';

const BENCHMARKS: readonly Benchmark[] = [relayBench];

/** `npm run bench -- NAME [--json]`; without NAME it lists what there is. */
async function main(args: readonly string[]): Promise<number> {
  const json = args.includes('--json');
  const [name, ...options] = args.filter((arg) => arg !== '--json');
  const benchmark = BENCHMARKS.find((candidate) => candidate.name === name);
  if (benchmark === undefined) {
    if (name !== undefined) process.stderr.write(`no benchmark is called ${name}\n`);
    for (const { name, summary } of BENCHMARKS) process.stdout.write(`${name.padEnd(12)} ${summary}\n`);
    return name === undefined ? 0 : 2;
  }
  const progress = (line: string): void => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  printResult(await benchmark.run({ progress, options }));
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
