import * as dagCbor from '@ipld/dag-cbor';
import { base64url } from 'multiformats/bases/base64';
import { concatBytes, equalBytes } from '../common/bytes.ts';
import type { Crypto } from '../common/crypto.ts';
import { decodeFrameItems } from '../common/versioned-frame.ts';
import {
  ADDRESSES_MAX,
  ANSWER_MAX_BYTES,
  CHECKSUM_BYTES,
  FRAME_VERSION,
  INVITE_ID_BYTES,
  INVITE_MAX_BYTES,
  INVITE_PREFIX,
  INVITE_TEXT_MAX_LENGTH,
  INVITE_VERSION,
  REQUEST_MAX_BYTES,
  SECRET_BYTES,
  SECRET_DOMAIN,
} from './constants.ts';
import { isJoinRefusal, JoinError } from './errors.ts';
import type { Invite, JoinAnswer, JoinRequest } from './invite.ts';
import { JoinChecks } from './validate.ts';

const badInvite = (message: string): JoinError => new JoinError('invite_malformed', message);
const malformed = (message: string): JoinError => new JoinError('frame_malformed', message);
const inviteChecks = new JoinChecks(badInvite);
const check = new JoinChecks(malformed);

const INVITE_ITEMS = 11;
const REDEEM_ITEMS = 5;
const RENEW_ITEMS = 4;
const ANSWER_ITEMS = 4;
/** CBOR items of an invite or a frame: lists at their longest, entry points of two, and the fields. */
const CBOR_ITEMS_MAX = 3 * ADDRESSES_MAX + 32;

/** DAG-CBOR of `[1, id, secret, role, swarm, owner, issuer, addresses, networkKey, expiry, chain]`. */
export function encodeInvite(invite: Invite): Uint8Array {
  return dagCbor.encode([
    INVITE_VERSION,
    invite.id,
    invite.secret,
    invite.role,
    invite.swarm,
    invite.owner,
    invite.issuer,
    invite.addresses,
    invite.networkKey,
    invite.expiry,
    invite.chain,
  ]);
}

/** Reads an invite. Throws `JoinError` `invite_malformed` or `invite_version`. */
export function decodeInvite(bytes: Uint8Array): Invite {
  const rest = decodeFrameItems(bytes, {
    noun: 'invite',
    maxBytes: INVITE_MAX_BYTES,
    maxItems: CBOR_ITEMS_MAX,
    malformed: badInvite,
    checkVersion: (version) => {
      if (version === INVITE_VERSION) return;
      throw new JoinError(
        'invite_version',
        `invite of version ${version} is not known here: install the version of maillon that made it`,
      );
    },
  });
  const [id, secret, role, swarm, owner, issuer, addresses, networkKey, expiry, chain] = rest;
  if (rest.length !== INVITE_ITEMS - 1) throw badInvite(`invite must be an array of ${INVITE_ITEMS} items`);
  const fields = { id, secret, role, swarm, owner, issuer, addresses, networkKey, expiry, chain };
  return inviteChecks.invite(fields);
}

/** The invite as one word of text: a prefix, and base64url of its bytes and the first bytes of their SHA-256. */
export function formatInvite(invite: Invite, crypto: Pick<Crypto, 'sha256'>): string {
  const bytes = encodeInvite(invite);
  const checksum = crypto.sha256(bytes).subarray(0, CHECKSUM_BYTES);
  return INVITE_PREFIX + base64url.baseEncode(concatBytes(bytes, checksum));
}

/** Reads the text of an invite. Throws `JoinError` as `decodeInvite`; the message holds nothing of the text. */
export function parseInvite(text: string, crypto: Pick<Crypto, 'sha256'>): Invite {
  if (text.length > INVITE_TEXT_MAX_LENGTH) throw badInvite('invite is longer than any invite');
  if (!text.startsWith(INVITE_PREFIX)) {
    throw badInvite(`an invite begins with ${INVITE_PREFIX}: copy the line that maillon invite printed`);
  }
  const all = decodeText(text.slice(INVITE_PREFIX.length));
  if (all === null || all.byteLength <= CHECKSUM_BYTES) throw incomplete();
  const bytes = all.subarray(0, -CHECKSUM_BYTES);
  const checksum = all.subarray(-CHECKSUM_BYTES);
  if (!equalBytes(crypto.sha256(bytes).subarray(0, CHECKSUM_BYTES), checksum)) throw incomplete();
  return decodeInvite(bytes);
}

function incomplete(): JoinError {
  return badInvite('the invite was not copied whole: copy the one line that maillon invite printed');
}

/** Null for what is no base64url in its one spelling. */
function decodeText(text: string): Uint8Array | null {
  try {
    const bytes = base64url.baseDecode(text);
    return base64url.baseEncode(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}

/** Hash of a secret that the issuer keeps: SHA-256 of DAG-CBOR `["maillon/invite-secret/1", id, secret]`. */
export function hashSecret(
  { id, secret }: Pick<Invite, 'id' | 'secret'>,
  crypto: Pick<Crypto, 'sha256'>,
): Uint8Array {
  return crypto.sha256(dagCbor.encode([SECRET_DOMAIN, id, secret]));
}

/** A request: DAG-CBOR `[1, "redeem", id, secret, name]` or `[1, "renew", chain, name]`. */
export function encodeRequest(request: JoinRequest): Uint8Array {
  const { kind, name } = request;
  return dagCbor.encode(
    kind === 'redeem'
      ? [FRAME_VERSION, kind, request.id, request.secret, name]
      : [FRAME_VERSION, kind, request.chain, name],
  );
}

/** Reads a request. Throws `JoinError` `frame_malformed` or `frame_version`. */
export function decodeRequest(bytes: Uint8Array): JoinRequest {
  const [kind, ...fields] = decodeFrame(bytes, REQUEST_MAX_BYTES);
  if (kind === 'redeem' && fields.length === REDEEM_ITEMS - 2) {
    const [id, secret, name] = fields;
    return {
      kind,
      id: check.bytes('id', id, INVITE_ID_BYTES),
      secret: check.bytes('secret', secret, SECRET_BYTES),
      name: check.memberName(name),
    };
  }
  if (kind === 'renew' && fields.length === RENEW_ITEMS - 2) {
    const [chain, name] = fields;
    return { kind, chain: check.chain(chain), name: check.memberName(name) };
  }
  throw malformed('a request must be of kind redeem or renew, and have its fields');
}

/** An answer: DAG-CBOR `[1, error, chain, entryPoints]`, each entry point `[key, address]`. */
export function encodeAnswer({ error, chain, entryPoints }: JoinAnswer): Uint8Array {
  const pairs = entryPoints.map(({ key, address }) => [key, address]);
  return dagCbor.encode([FRAME_VERSION, error, chain, pairs]);
}

/** Reads an answer; the links of the chain are not looked at. Throws as `decodeRequest`. */
export function decodeAnswer(bytes: Uint8Array): JoinAnswer {
  const items = decodeFrame(bytes, ANSWER_MAX_BYTES);
  const [error, chain, entryPoints] = items;
  if (items.length !== ANSWER_ITEMS - 1)
    throw malformed(`an answer must be an array of ${ANSWER_ITEMS} items`);
  const code = check.text('error', error);
  if (code !== '' && !isJoinRefusal(code)) throw malformed('error must be the code of a refusal');
  const links = check.chain(chain);
  if ((code === '') !== links.length > 0) throw malformed('an answer must have an error or a chain');
  const list = check.array('entryPoints', entryPoints, ADDRESSES_MAX);
  return { error: code, chain: links, entryPoints: list.map((one) => check.entryPoint(one)) };
}

/** The items of a request or an answer behind its version. */
function decodeFrame(bytes: Uint8Array, maxBytes: number): unknown[] {
  return decodeFrameItems(bytes, {
    noun: 'frame',
    maxBytes,
    maxItems: CBOR_ITEMS_MAX,
    malformed,
    checkVersion: (version) => {
      if (version === FRAME_VERSION) return;
      throw new JoinError('frame_version', `frame version ${version} is not known here`);
    },
  });
}
