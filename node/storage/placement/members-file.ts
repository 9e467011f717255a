import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { decode, encode } from '@ipld/dag-cbor';
import { z } from 'zod';
import { DID_MAX_LENGTH } from '../../../protocols/common/did.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { writeFileAtomic } from '../../disk/atomic-file.ts';
import { makeDirectory } from '../../disk/make-directory.ts';
import type { Logger } from '../../observability/logger.ts';
import { MEMBERS_MAX } from '../api/limits.ts';

/** A member as it outlives a restart. */
export interface KeptMember {
  readonly id: string;
  readonly prefix: string;
  /** DID of the operator whose sponsor it is; empty for nobody's. */
  readonly operator: string;
}

export interface KeptMembers {
  /** When it was written, milliseconds since the Unix epoch: this node was there. */
  readonly at: number;
  readonly members: readonly KeptMember[];
}

const FILE_VERSION = 2;
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const ID_MAX_LENGTH = 128;
const PREFIX_MAX_LENGTH = 256;
/** Larger than any file written here. */
const FILE_MAX_BYTES = 64 + MEMBERS_MAX * (ID_MAX_LENGTH + PREFIX_MAX_LENGTH + DID_MAX_LENGTH + 12);

const fileSchema = z.tuple([
  z.literal(FILE_VERSION),
  z.int().min(0),
  z
    .array(
      z.tuple([
        z.string().min(1).max(ID_MAX_LENGTH),
        z.string().max(PREFIX_MAX_LENGTH),
        z.string().max(DID_MAX_LENGTH),
      ]),
    )
    .max(MEMBERS_MAX),
]);

/** Contents of the file at `path`; null when absent or unreadable, with a warning in the latter case. */
export function readMembers(path: string, logger: Logger): KeptMembers | null {
  if (!existsSync(path)) return null;
  try {
    if (statSync(path).size > FILE_MAX_BYTES) throw new Error(`it is larger than ${FILE_MAX_BYTES} bytes`);
    const [, at, rows] = fileSchema.parse(decode(readFileSync(path)));
    return { at, members: rows.map(([id, prefix, operator]) => ({ id, prefix, operator })) };
  } catch (error) {
    const reason = errorMessage(error);
    logger.warn({ path, reason }, 'the members of the swarm cannot be read and are learnt anew');
    return null;
  }
}

export function writeMembers(path: string, { at, members }: KeptMembers): void {
  makeDirectory(dirname(path), { mode: DIRECTORY_MODE });
  const rows = members.map(({ id, prefix, operator }) => [id, prefix, operator]);
  writeFileAtomic(path, encode([FILE_VERSION, at, rows]), FILE_MODE);
}
