/** Which node a command means that names none: the one that runs on this data directory. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type RunInfo, readRunFile } from '../../../node/files.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { note } from './terminal.ts';

export const DEFAULT_GATEWAY = 'http://127.0.0.1:8080';
export const DEFAULT_ADMIN = 'http://127.0.0.1:9464';

/** Where `maillon node` and `maillon gateway` keep their data unless told otherwise. */
const DIRECTORIES = ['./data', './data/gateway'] as const;
/** A directory with this file was a node once, and is expected to be that node. */
const IDENTITY = 'identity.key';

/** The URL of a listener of this directory's node; the usual one, where none runs here. Throws `no_listener`. */
export function localUrl(listener: 'gateway' | 'admin', data = process.env['MAILLON_DATA']): string {
  const directories = data ? [data] : DIRECTORIES;
  for (const directory of directories) {
    const run = readRunFile(directory);
    if (run !== null) return urlOf(run, listener, directory);
  }
  const usual = listener === 'gateway' ? DEFAULT_GATEWAY : DEFAULT_ADMIN;
  const [first = ''] = directories;
  if (existsSync(join(first, IDENTITY))) {
    note(`no node runs on ${first}: asking ${usual}, which is another node's if one answers`);
  }
  return usual;
}

function urlOf(run: RunInfo, listener: 'gateway' | 'admin', directory: string): string {
  const url = run[listener];
  if (url !== null) return url;
  throw new CodedError(
    'no_listener',
    `the node that runs on ${directory} (process ${run.pid}) has no ${listener === 'gateway' ? 'gateway' : 'admin listener'}: ` +
      `start it with ${listener}.enabled, or name another one with --${listener === 'gateway' ? 'url' : 'admin'}`,
  );
}
