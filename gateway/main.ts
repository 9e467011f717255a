/** The `maillon` program: command line in, exit code out. What each command does is in `cli/`. */
import { runProgram } from './cli/program.ts';

// Whoever reads the output may stop reading (`maillon sub t | head -1`): that ends the program, not in an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

// Commands end by themselves; exiting on purpose keeps a leftover timer or socket from holding the process.
process.exit(await runProgram(process.argv.slice(2)));
