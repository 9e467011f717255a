import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';

/**
 * Neither what the process was told nor its settings are the thread's business; where compiled code is kept it has to
 * be told, or it loads the compiler: 20 MB.
 */
export function threadEnvironment(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  return cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) };
}
