/** The `maillon` program: command line in, exit code out. What each command does is in `cli/`. */
import { runProgram } from './program.ts';

/** 128 and the number of SIGTERM, as a shell says it. */
const EXIT_TERMINATED = 143;

// Whoever reads the output may stop reading (`maillon sub t | head -1`): that ends the program, not in an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

// The process that started this one may be killed before it can end this one: the channel between them closes with it, and
// that is as good as a signal. What does not listen for signals ends at once.
if (process.connected) {
  process.once('disconnect', () => {
    if (!process.emit('SIGTERM')) process.exit(EXIT_TERMINATED);
  });
}

// Commands end by themselves; exiting on purpose keeps a leftover timer or socket from holding the process.
process.exit(await runProgram(process.argv.slice(2)));
