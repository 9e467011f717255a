import { createHash, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../../node/index.ts';
import { loadSecret } from '../core/secret-file.ts';

/** In the data directory, beside the node's key: whoever can read the one can read the other. */
const LOCAL_TOKEN = 'admin.token';

/** Where the token is that administration takes: the node makes the file, the command line reads it. */
export function tokenFileOf(config: Pick<Config, 'admin.tokenFile' | 'data'>): string {
  return config['admin.tokenFile'] || join(config.data, LOCAL_TOKEN);
}

/** The token in `file`, which is made with a new one when it is not there. Throws `bad_token_file`. */
export function loadToken(file: string): string {
  return loadSecret(file, { setting: 'admin.tokenFile', code: 'bad_token_file' });
}

/** Makes a check of the Authorization header against `token`; its duration reveals nothing about the token. */
export function bearerCheck(token: string): (authorization: string | undefined) => boolean {
  const expected = digest(token);
  return (authorization) => {
    const [, said = ''] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
    return timingSafeEqual(digest(said), expected);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
