import { join } from 'node:path';
import { errorMessage } from '../../protocols/common/errors.ts';
import { writeFileAtomic } from '../disk/atomic-file.ts';
import { readPrivateFile, SECRET_MODE } from '../disk/private-file.ts';
import type { Logger } from '../observability/logger.ts';

/** The owner that a data directory serves. */
export interface ServedOwner {
  readonly did: string;
  /** Absolute path of the file with its key. */
  readonly path: string;
}

const FILE = 'owner.json';
const VERSION = 1;
/** A DID and the longest path. */
const FILE_MAX_BYTES = 16_384;

/** The owner that `data` served when its node last ran; null for a new directory, or a file that no node wrote. */
export function readServedOwner(data: string): ServedOwner | null {
  try {
    const file = readPrivateFile(join(data, FILE), FILE_MAX_BYTES);
    if (file === null || file === 'too_large') return null;
    const said = JSON.parse(new TextDecoder().decode(file.bytes)) as Record<string, unknown>;
    const { version, did, path } = said;
    return version === VERSION && typeof did === 'string' && typeof path === 'string' ? { did, path } : null;
  } catch {
    return null;
  }
}

/** Notes the owner that `data` serves from now on, so that a later start has the same; the log says when it is another one. */
export function noteServedOwner(
  { logger }: { readonly logger: Pick<Logger, 'warn'> },
  data: string,
  owner: ServedOwner,
): void {
  const before = readServedOwner(data);
  if (before?.did === owner.did && before.path === owner.path) return;
  if (before !== null && before.did !== owner.did) {
    logger.warn(
      { before: before.did, owner: owner.did },
      `this data directory served another owner until now, whose namespaces are not this node's own any more; to go on as before set identity.ownerKey to its key, which was ${before.path}`,
    );
  }
  try {
    const content = `${JSON.stringify({ version: VERSION, ...owner })}\n`;
    writeFileAtomic(join(data, FILE), Buffer.from(content), SECRET_MODE);
  } catch (error) {
    logger.warn(
      { reason: errorMessage(error) },
      'the owner of this data directory was not noted: set identity.ownerKey',
    );
  }
}
