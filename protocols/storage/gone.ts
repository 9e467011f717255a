import { checkDid } from '../common/did.ts';
import { GONE_MAX, PEER_ID_MAX_LENGTH, PREFIX_MAX_LENGTH } from './constants.ts';
import { check, malformed, readTuple } from './frame.ts';

/** A node that is a replica of partitions as before though it is gone: for less than the down timeout, or without a successor. */
export interface GoneMember {
  /** Its peer id, as text. */
  readonly id: string;
  /** The group of addresses it was reached in. */
  readonly prefix: string;
  /** DID of the operator whose sponsor it is; empty for nobody's. */
  readonly operator: string;
  /** For how long it has been gone, milliseconds. */
  readonly forMs: number;
}

const VISIBLE = /^[!-~]+$/;

export function goneItems(gone: readonly GoneMember[]): unknown[] {
  return gone.map(({ id, prefix, operator, forMs }) => [id, prefix, operator, forMs]);
}

export function readGone(value: unknown): GoneMember[] {
  return check.array('gone', value, GONE_MAX).map((one) => {
    const [id, prefix, operator, forMs] = readTuple('gone', one, 4);
    return {
      id: readShort('peer id', id, PEER_ID_MAX_LENGTH),
      prefix: readShort('prefix', prefix, PREFIX_MAX_LENGTH),
      operator: readOperator(operator),
      forMs: check.integer('for ms', forMs, 0),
    };
  });
}

function readOperator(value: unknown): string {
  const did = check.text('operator', value);
  if (did !== '') check.named(() => checkDid(did));
  return did;
}

function readShort(name: string, value: unknown, max: number): string {
  const text = check.text(name, value);
  if (!VISIBLE.test(text) || text.length > max)
    throw malformed(`${name} must be 1 to ${max} visible characters`);
  return text;
}
