/** Holds the data directory given until it is killed; says `held`, or the code of the refusal. */
import { lockDataDirectory } from '../../node/disk/data-lock.ts';
import { CodedError } from '../../protocols/common/errors.ts';

const [directory = ''] = process.argv.slice(2);
try {
  const held = lockDataDirectory(directory);
  process.stdout.write('held\n');
  // what nobody refers to would be collected, and free
  setInterval(() => held, 1000);
} catch (error) {
  process.stdout.write(`${error instanceof CodedError ? error.code : String(error)}\n`);
}
