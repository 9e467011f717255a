/** Loads or makes the development key at the path given, when standard input says so; says its DID. */
import { once } from 'node:events';
import { developmentKey } from '../../node/identity/keyring/development.ts';

const [path = ''] = process.argv.slice(2);
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const { did } = await developmentKey(path);
process.stdout.write(`${did}\n`);
process.exit(0);
