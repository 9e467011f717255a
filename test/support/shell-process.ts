/** Runs the command lines that its parent sends, one after another, each as `maillon` would, and answers what each said. */
import { runProgram } from '../../gateway/cli/program.ts';
import type { Finished } from './shell.ts';

/** Captures writes to `stream` until `release` is called. */
function listen(stream: NodeJS.WriteStream): { readonly text: () => string; readonly release: () => void } {
  const parts: Buffer[] = [];
  const write = stream.write.bind(stream);
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    parts.push(Buffer.from(chunk as string));
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  return { text: () => Buffer.concat(parts).toString(), release: () => void (stream.write = write) };
}

async function run(args: readonly string[]): Promise<Finished> {
  const [stdout, stderr] = [listen(process.stdout), listen(process.stderr)];
  try {
    const exit = await runProgram(args);
    return { exit, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    stdout.release();
    stderr.release();
  }
}

let last: Promise<unknown> = Promise.resolve();
process.on('message', (args: readonly string[]) => {
  last = last.then(async () => process.send?.(await run(args)));
});
process.once('disconnect', () => process.exit());
