import { CHAIN_LINK_MAX_BYTES, CHAIN_MAX_BYTES, CHAIN_MAX_LINKS } from '../common/chain.ts';
import { decodeMultikey } from '../common/did-key.ts';
import { FieldChecks } from '../common/fields.ts';
import { checkNamespace, checkOwner, checkTopic } from '../common/names.ts';
import {
  AUTHOR_BYTES,
  CLOCK_GRACE_MS,
  CLOCK_SKEW_MS,
  ENVELOPE_MAX_MESSAGES,
  MESSAGE_MAX_BYTES,
} from './constants.ts';
import type { Envelope } from './envelope.ts';
import { RelayError } from './errors.ts';

const field = (message: string): RelayError => new RelayError('envelope_field', message);
const check = new FieldChecks(field);

/** The fields as they come from a decoder: nothing is known of them yet. */
export type UncheckedEnvelope = { readonly [Field in keyof Envelope]: unknown };

/** Checks every field of an envelope and names the one that is wrong. Throws `RelayError` `envelope_field`. */
export function checkEnvelope(envelope: UncheckedEnvelope): asserts envelope is Envelope {
  check.named(() => checkOwner(check.text('owner', envelope.owner)));
  check.named(() => checkNamespace(check.text('namespace', envelope.namespace)));
  check.named(() => checkTopic(check.text('topic', envelope.topic)));
  check.named(() => decodeMultikey(check.bytes('author', envelope.author, AUTHOR_BYTES)));
  check.integer('epoch', envelope.epoch, 0);
  check.integer('sequence', envelope.sequence, 1);
  const time = check.integer('time', envelope.time, 0);
  if (envelope.expiry !== null && check.integer('expiry', envelope.expiry, 0) <= time) {
    throw field('expiry must be later than time');
  }
  checkMessages(envelope.messages);
  checkChain(envelope.chain);
  check.ext(envelope.ext);
  if (Number(envelope.sequence) + (envelope.messages as unknown[]).length > Number.MAX_SAFE_INTEGER) {
    throw field('sequence leaves no room for the messages');
  }
}

/** Throws `envelope_clock` or `envelope_expired` for an envelope that may not be accepted at `now`. */
export function checkTime(envelope: Pick<Envelope, 'time' | 'expiry'>, now: number): void {
  const off = Math.abs(envelope.time - now);
  if (off > CLOCK_SKEW_MS) {
    const message = `time is more than ${CLOCK_SKEW_MS} ms from this node's clock`;
    throw new RelayError('envelope_clock', message, off <= CLOCK_SKEW_MS + CLOCK_GRACE_MS);
  }
  if (envelope.expiry !== null && envelope.expiry <= now) {
    throw new RelayError('envelope_expired', 'envelope has expired', now - envelope.expiry <= CLOCK_GRACE_MS);
  }
}

function checkMessages(messages: unknown): void {
  const list = check.array('messages', messages, ENVELOPE_MAX_MESSAGES);
  if (list.length === 0) throw field('messages must hold at least one');
  let total = 0;
  for (const message of list) total += check.bytes('message', message, MESSAGE_MAX_BYTES, 0).byteLength;
  if (total > MESSAGE_MAX_BYTES) throw field(`messages exceed ${MESSAGE_MAX_BYTES} bytes together`);
}

function checkChain(chain: unknown): void {
  let total = 0;
  for (const link of check.array('chain', chain, CHAIN_MAX_LINKS)) {
    total += check.bytes('chain link', link, CHAIN_LINK_MAX_BYTES, 1).byteLength;
  }
  if (total > CHAIN_MAX_BYTES) throw field(`chain exceeds ${CHAIN_MAX_BYTES} bytes`);
}
