/** A service whose behaviour is told by its arguments, for the tests of lifetime.ts. */
import { runService } from '../../gateway/cli/core/lifetime.ts';

const traits = new Set(process.argv.slice(2));
const forever = new Promise<void>(() => undefined);
// An unsettled promise alone does not keep a process.
setInterval(() => undefined, 1000);

try {
  const code = await runService({
    async start() {
      if (traits.has('start-fails')) throw new Error('start failed');
      process.stdout.write('begun\n');
      if (traits.has('start-hangs')) await forever;
      if (traits.has('rejects')) void Promise.reject(new Error('nobody caught this'));
    },
    async stop() {
      process.stdout.write('stopping\n');
      if (traits.has('stop-hangs')) await forever;
    },
    crashed: (error) => process.stderr.write(`crashed: ${String(error)}\n`),
  });
  process.exit(code);
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exit(7);
}
