/** The `maillon` program: command line in, exit code out. The commands themselves are in `cli/`. */
import { runProgram } from './program.ts';

/** 128 and the number of SIGTERM, as a shell says it. */
const EXIT_TERMINATED = 143;

// The reader of the output may stop reading (`maillon sub t | head -1`): that ends the program, without an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

// The process that started this one may be killed before it can end this one: the channel between them closes with it, and that
// is as good as a signal. A program that does not listen for signals ends at once.
if (process.connected) {
  process.once('disconnect', () => {
    if (!process.emit('SIGTERM')) process.exit(EXIT_TERMINATED);
  });
}

// Commands end by themselves; exiting on purpose keeps a leftover timer or socket from holding the process.
process.exit(await runProgram(process.argv.slice(2)));
