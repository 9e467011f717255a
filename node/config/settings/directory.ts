import { count, type Setting } from './setting.ts';

/** Knowledge of other nodes. */
export const DIRECTORY_SETTINGS = [
  {
    path: 'directory.max',
    schema: count,
    default: 4096,
    unit: 'peers',
    help: 'Nodes the directory holds: some 1 kB each in memory and on disk.',
  },
  {
    path: 'directory.perPrefix',
    schema: count,
    default: 32,
    unit: 'peers',
    help: 'Nodes of one /24 or /48 in the directory: addresses of one prefix are cheap for one party. Loopback is not counted.',
  },
] as const satisfies readonly Setting[];
