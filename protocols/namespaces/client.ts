import { equalBytes } from '../common/bytes.ts';
import type { Crypto, Ed25519Signer } from '../common/crypto.ts';
import { encodeMultikey } from '../common/did-key.ts';
import {
  decodeNotice,
  decodePolicy,
  encodePolicy,
  encodePolicyBody,
  encodeRevocation,
  encodeRevocationBody,
  encodeSponsorship,
  encodeSponsorshipBody,
  policySigningBytes,
  revocationSigningBytes,
  sponsorshipSigningBytes,
} from './codec.ts';
import { EXCHANGE_QUESTIONS_MAX, FETCH_MAX } from './constants.ts';
import { NamespacesError } from './errors.ts';
import { decodeLogAnswer, decodeNoticesAnswer, encodeQuestion, type LogPosition } from './frames.ts';
import type {
  NamespaceName,
  Policy,
  PolicyRules,
  Revocation,
  SignedPolicy,
  SignedRevocation,
  SignedSponsorship,
  Sponsorship,
} from './notice.ts';

/** Only the holder and its delegates; no bounds but the node's. These rules apply without a policy. */
export const CLOSED_RULES: PolicyRules = {
  publish: { anyone: false, dids: [] },
  write: { anyone: false, dids: [] },
  read: { anyone: false, dids: [] },
  publicTopics: [],
  isPublic: false,
  quotaBytes: null,
  quotaKeys: null,
  retentionMs: null,
  domains: [],
};

/** Makes notices: what is signed by `signer`, in whatever name the chain gives it. */
export class NoticeMaker {
  readonly #components: { readonly crypto: Crypto; readonly signer: Ed25519Signer };
  readonly #swarm: string;

  constructor(
    components: { readonly crypto: Crypto; readonly signer: Ed25519Signer },
    init: { readonly swarm: string },
  ) {
    this.#components = components;
    this.#swarm = init.swarm;
  }

  /** Throws `NamespacesError` `notice_field` for what would be refused. */
  async policy(fields: Omit<Policy, 'author' | 'ext'>): Promise<SignedPolicy> {
    const { crypto, signer } = this.#components;
    const body = encodePolicyBody({ ...fields, author: encodeMultikey(signer.publicKey), ext: {} });
    const signature = await signer.sign(policySigningBytes(this.#swarm, crypto.sha256(body)));
    return decodePolicy(encodePolicy(body, signature), crypto);
  }

  /** Throws as `policy`. */
  async revocation(fields: Omit<Revocation, 'author' | 'ext'>): Promise<SignedRevocation> {
    const { crypto, signer } = this.#components;
    const body = encodeRevocationBody({ ...fields, author: encodeMultikey(signer.publicKey), ext: {} });
    const signature = await signer.sign(revocationSigningBytes(this.#swarm, crypto.sha256(body)));
    return decodeNotice(encodeRevocation(body, signature), crypto) as SignedRevocation;
  }

  /** Throws as `policy`. */
  async sponsorship(fields: Omit<Sponsorship, 'author' | 'ext'>): Promise<SignedSponsorship> {
    const { crypto, signer } = this.#components;
    const body = encodeSponsorshipBody({ ...fields, author: encodeMultikey(signer.publicKey), ext: {} });
    const signature = await signer.sign(sponsorshipSigningBytes(this.#swarm, crypto.sha256(body)));
    return decodeNotice(encodeSponsorship(body, signature), crypto) as SignedSponsorship;
  }
}

/** Sends one question and gives the answer's bytes. */
export type Ask = (question: Uint8Array) => Promise<Uint8Array>;

export interface CollectOptions {
  readonly ask: Ask;
  /** How far the peer's log was read before. */
  readonly from: LogPosition;
  readonly isKnown: (id: Uint8Array) => boolean;
  /** Takes notices, in the order in which they arrived at the peer. False when some are to be asked for again later. */
  readonly take: (notices: readonly Uint8Array[]) => Promise<boolean>;
  /** All that arrived at the peer up to here is dealt with. */
  readonly settle: (position: LogPosition) => void;
}

/**
 * Asks a peer for the notices it has and this node has not. Stops at the end of its log, when it refuses, or after so many
 * questions: a liar can make up ids without end. Resolves to whether the end was reached. Throws `NamespacesError` for an answer
 * that cannot be, and what `take` throws.
 */
export async function collectNotices(options: CollectOptions): Promise<boolean> {
  const { from, isKnown, settle } = options;
  const ask = limited(options.ask);
  let { log, position } = from;
  let isSettled = true;
  for (let page = 0; ; page++) {
    const bytes = await ask(encodeQuestion({ type: 'log', log, position }));
    if (bytes === null) return false;
    const answer = decodeLogAnswer(bytes);
    if (answer.error !== '') return false;
    if (!equalBytes(answer.log, log)) {
      if (page > 0) throw malformed('the log must not change within an exchange');
      log = answer.log;
      position = 0;
    }
    const { ids, next, isEnd } = answer;
    if (next < position || next - position < ids.length || (!isEnd && next === position)) {
      throw malformed('the next position must be behind this one and all the ids');
    }
    const fetched = await fetchAll(
      { ...options, ask },
      ids.filter((id) => !isKnown(id)),
    );
    if (fetched === null) return false;
    isSettled &&= fetched;
    position = next;
    if (isSettled) settle({ log, position });
    if (isEnd) return isSettled;
  }
}

/**
 * Asks a peer for the policies of a namespace above a sequence, answer by answer. `take` gives the sequence above which to go on,
 * or null when it is enough.
 */
export async function collectHistory(options: {
  readonly ask: Ask;
  readonly name: NamespaceName;
  readonly above: number;
  readonly take: (policies: readonly Uint8Array[]) => Promise<number | null>;
}): Promise<void> {
  const { name, take } = options;
  const ask = limited(options.ask);
  let { above } = options;
  for (;;) {
    const bytes = await ask(encodeQuestion({ type: 'history', ...name, above }));
    const answer = bytes === null ? null : decodeNoticesAnswer(bytes);
    if (answer === null || answer.error !== '' || answer.notices.length === 0) return;
    const next = await take(answer.notices);
    if (next === null || next <= above) return;
    above = next;
  }
}

/** Null when the peer refused or too much was asked; otherwise whether all is dealt with. */
async function fetchAll(
  { ask, take }: { readonly ask: LimitedAsk; readonly take: CollectOptions['take'] },
  ids: readonly Uint8Array[],
): Promise<boolean | null> {
  let isSettled = true;
  for (let at = 0; at < ids.length; ) {
    const batch = ids.slice(at, at + FETCH_MAX);
    const bytes = await ask(encodeQuestion({ type: 'fetch', ids: batch }));
    if (bytes === null) return null;
    const { done, notices, error } = decodeNoticesAnswer(bytes);
    if (error !== '') return null;
    if (done < 1 || done > batch.length || notices.length > done) {
      throw malformed('an answer must deal with some of the ids asked for, and with no others');
    }
    const isTaken = await take(notices);
    isSettled &&= isTaken;
    at += done;
  }
  return isSettled;
}

type LimitedAsk = (question: Uint8Array) => Promise<Uint8Array | null>;

/** Null when so many were asked. */
function limited(ask: Ask): LimitedAsk {
  let left = EXCHANGE_QUESTIONS_MAX;
  return async (question) => {
    if (left === 0) return null;
    left -= 1;
    return ask(question);
  };
}

function malformed(message: string): NamespacesError {
  return new NamespacesError('frame_malformed', message);
}
