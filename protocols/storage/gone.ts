import { GONE_MAX, PEER_ID_MAX_LENGTH, PREFIX_MAX_LENGTH } from './constants.ts';
import { check, malformed, readTuple } from './frame.ts';

/** A node that is a home of partitions as before, and gone for less than the grace. */
export interface GoneMember {
  /** Its peer id, as text. */
  readonly id: string;
  /** The group of addresses it was reached in. */
  readonly prefix: string;
  /** For how long it has been gone, milliseconds. */
  readonly forMs: number;
}

const VISIBLE = /^[!-~]+$/;

export function goneItems(gone: readonly GoneMember[]): unknown[] {
  return gone.map(({ id, prefix, forMs }) => [id, prefix, forMs]);
}

export function readGone(value: unknown): GoneMember[] {
  return check.array('gone', value, GONE_MAX).map((one) => {
    const [id, prefix, forMs] = readTuple('gone', one, 3);
    return {
      id: readShort('peer id', id, PEER_ID_MAX_LENGTH),
      prefix: readShort('prefix', prefix, PREFIX_MAX_LENGTH),
      forMs: check.integer('for ms', forMs, 0),
    };
  });
}

function readShort(name: string, value: unknown, max: number): string {
  const text = check.text(name, value);
  if (!VISIBLE.test(text) || text.length > max)
    throw malformed(`${name} must be 1 to ${max} visible characters`);
  return text;
}
