import { type DidPkh, parseDid, type WalletChain } from '../common/did.ts';
import {
  DOMAIN_MAX_LENGTH,
  NONCE_MAX_LENGTH,
  NONCE_MIN_LENGTH,
  REQUEST_ID_MAX_LENGTH,
  RESOURCE_MAX_LENGTH,
  RESOURCES_MAX,
  SIGN_IN_MAX_LENGTH,
  SIGN_IN_VERSION,
  STATEMENT_MAX_LENGTH,
} from './constants.ts';
import { checksumAddress } from './eip55.ts';
import { IdentityError } from './errors.ts';
import type { SignIn } from './link.ts';
import { check, readNamed } from './validate.ts';

/** Name of each chain in sign-in messages. */
const CHAIN_NAMES: Readonly<Record<WalletChain, string>> = {
  eip155: 'Ethereum',
  bip122: 'Bitcoin',
  solana: 'Solana',
};
const FIRST_LINE = /^(\S+) wants you to sign in with your (\w+) account:$/;

/** RFC 3986: `unreserved`, `sub-delims`, `gen-delims`, percent-encoded. */
const UNRESERVED = 'A-Za-z0-9._~\\-';
const SUB_DELIMS = "!$&'()*+,;=";
const ESCAPED = '%[0-9A-Fa-f]{2}';
const STATEMENT = new RegExp(`^[${UNRESERVED}${SUB_DELIMS}:/?#\\[\\]@ ]+$`);
const REQUEST_ID = new RegExp(`^(?:[${UNRESERVED}${SUB_DELIMS}:@]|${ESCAPED})+$`);
const URI = new RegExp(`^[A-Za-z][A-Za-z0-9+.-]*:(?:[${UNRESERVED}${SUB_DELIMS}:/?#\\[\\]@]|${ESCAPED})*$`);
const NONCE = /^[A-Za-z0-9]+$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/;
/** Host in lower case, or an IPv6 address in brackets; a port. No user: it is there to deceive. */
const AUTHORITY = /^(?:\[([0-9a-f:]+)\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?::([1-9]\d{0,4}))?$/;
const PORT_MAX = 65_535;
const IP6_GROUPS = 8;

const field = (message: string): IdentityError => new IdentityError('chain_field', message);

/** The fields as they come from a decoder: nothing is known of them yet. */
export type UncheckedSignIn = { readonly [Field in keyof SignIn]?: unknown };

export interface ReadSignIn {
  readonly signIn: SignIn;
  /** That of the issuer. */
  readonly account: DidPkh;
}

/**
 * Checks every field so that no two sign-ins have the same message. Throws `IdentityError`: `chain_field`, and
 * `chain_version` for another version.
 */
export function readSignIn(unchecked: UncheckedSignIn): ReadSignIn {
  const version = check.text('version', unchecked.version);
  if (version !== SIGN_IN_VERSION) {
    throw new IdentityError('chain_version', 'version of the sign-in message is not known here');
  }
  const domain = readText('domain', unchecked.domain, DOMAIN_MAX_LENGTH);
  checkDomain(domain);
  const iss = check.text('iss', unchecked.iss);
  const account = readAccount(iss);
  const nonce = readText('nonce', unchecked.nonce, NONCE_MAX_LENGTH, NONCE);
  if (nonce.length < NONCE_MIN_LENGTH) throw field(`nonce must be at least ${NONCE_MIN_LENGTH} characters`);
  const aud = readText('aud', unchecked.aud, RESOURCE_MAX_LENGTH, URI);
  const iat = readTime('iat', unchecked.iat);
  return { signIn: withOptional({ domain, iss, aud, version, nonce, iat }, unchecked), account };
}

function withOptional(
  signIn: { -readonly [Field in keyof SignIn]: SignIn[Field] },
  { nbf, exp, statement, requestId, resources }: UncheckedSignIn,
): SignIn {
  if (nbf !== undefined) signIn.nbf = readTime('nbf', nbf);
  if (exp !== undefined) signIn.exp = readTime('exp', exp);
  if (statement !== undefined) {
    signIn.statement = readText('statement', statement, STATEMENT_MAX_LENGTH, STATEMENT);
  }
  if (requestId !== undefined) {
    signIn.requestId = readText('requestId', requestId, REQUEST_ID_MAX_LENGTH, REQUEST_ID);
  }
  if (resources !== undefined) signIn.resources = readUris(resources);
  return signIn;
}

function readText(name: string, value: unknown, maxLength: number, pattern?: RegExp): string {
  const text = check.text(name, value);
  if (text.length > maxLength) throw field(`${name} exceeds ${maxLength} characters`);
  if (pattern?.test(text) === false) throw field(`${name} is empty or has characters that it may not have`);
  return text;
}

function readUris(list: unknown): string[] {
  const uris = check.array('resources', list, RESOURCES_MAX);
  if (uris.length === 0) throw field('resources must hold at least one, or not be there');
  return uris.map((uri) => readText('resource', uri, RESOURCE_MAX_LENGTH, URI));
}

/** A text that `Date.parse` reads. Throws `chain_field` for any but that of a UTC time that there was. */
function readTime(name: string, value: unknown): string {
  const text = check.text(name, value);
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN;
  const isOne = ms >= 0 && new Date(ms).toISOString().slice(0, 19) === text.slice(0, 19);
  if (!isOne) throw field(`${name} must be a time like 2026-11-21T14:00:00Z or 2026-11-21T14:00:00.000Z`);
  return text;
}

/** The account of a did:pkh. Throws `chain_field` for another DID. */
export function readAccount(iss: string): DidPkh {
  const did = readNamed('iss', () => parseDid(iss));
  if (did.kind !== 'pkh') throw field('iss must be a did:pkh');
  return did;
}

/** Throws `chain_field` for what is no host and port. */
export function checkDomain(domain: string): void {
  const [authority, ip6, port] = AUTHORITY.exec(domain) ?? [];
  if (authority === undefined || Number(port ?? 1) > PORT_MAX || (ip6 !== undefined && !isIp6(ip6))) {
    throw field('domain must be a host in lower case and, if any, a port');
  }
}

function isIp6(text: string): boolean {
  const halves = text.split('::', 3);
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':', IP6_GROUPS + 1)));
  const isFull = halves.length === 1 ? groups.length === IP6_GROUPS : groups.length < IP6_GROUPS;
  return halves.length <= 2 && isFull && groups.every((group) => /^[0-9a-f]{1,4}$/.test(group));
}

/**
 * The message that a wallet signs: EIP-4361 of an EVM account, and the same by CAIP-122 with the chain's own name of a
 * Bitcoin or Solana account. ASCII. Throws `IdentityError` for fields that make none.
 */
export function signInMessage(signIn: SignIn): string {
  const read = readSignIn(signIn);
  return writeMessage(read.signIn, read.account);
}

/** The message of fields that were checked, `account` being that of their issuer. */
export function writeMessage(signIn: SignIn, { chain, reference, address }: DidPkh): string {
  const { statement, nbf, exp, requestId, resources } = signIn;
  const account = chain === 'eip155' ? checksumAddress(address) : address;
  let message = `${signIn.domain} wants you to sign in with your ${CHAIN_NAMES[chain]} account:\n${account}\n\n`;
  if (statement !== undefined) message += `${statement}\n`;
  message += `\nURI: ${signIn.aud}\nVersion: ${signIn.version}\nChain ID: ${reference}`;
  message += `\nNonce: ${signIn.nonce}\nIssued At: ${signIn.iat}`;
  if (exp !== undefined) message += `\nExpiration Time: ${exp}`;
  if (nbf !== undefined) message += `\nNot Before: ${nbf}`;
  if (requestId !== undefined) message += `\nRequest ID: ${requestId}`;
  if (resources !== undefined) message += `\nResources:\n- ${resources.join('\n- ')}`;
  return message;
}

/** Reads a message that a wallet signed. Throws `IdentityError` for what is not exactly one. */
export function parseSignInMessage(message: string): SignIn {
  if (message.length > SIGN_IN_MAX_LENGTH) throw field(`message exceeds ${SIGN_IN_MAX_LENGTH} characters`);
  const lines = new Lines(message);
  const [, domain, name] = FIRST_LINE.exec(lines.next()) ?? [];
  const chain = (Object.keys(CHAIN_NAMES) as WalletChain[]).find((one) => CHAIN_NAMES[one] === name);
  if (chain === undefined) throw field('message must begin as a sign-in message');
  const address = lines.next();
  lines.next();
  const statement = lines.next() === '' ? undefined : lines.last();
  if (statement !== undefined) lines.next();
  const aud = lines.field('URI: ');
  const version = lines.field('Version: ');
  const reference = lines.field('Chain ID: ');
  const { signIn, account } = readSignIn({
    domain,
    iss: `did:pkh:${chain}:${reference ?? ''}:${chain === 'eip155' ? address.toLowerCase() : address}`,
    aud,
    version,
    nonce: lines.field('Nonce: '),
    iat: lines.field('Issued At: '),
    exp: lines.field('Expiration Time: '),
    nbf: lines.field('Not Before: '),
    requestId: lines.field('Request ID: '),
    resources: lines.resources(),
    statement,
  });
  if (writeMessage(signIn, account) !== message) {
    throw field('message is not in the one form of a sign-in message');
  }
  return signIn;
}

/** Goes through a message line by line. */
class Lines {
  readonly #lines: readonly string[];
  #at = 0;

  constructor(message: string) {
    this.#lines = message.split('\n');
  }

  next(): string {
    const line = this.#lines[this.#at];
    if (line === undefined) throw field('message ends too early');
    this.#at += 1;
    return line;
  }

  last(): string {
    return this.#lines[this.#at - 1] ?? '';
  }

  /** Text after `name` if this line begins with it; undefined otherwise. */
  field(name: string): string | undefined {
    const line = this.#lines[this.#at];
    if (line?.startsWith(name) !== true) return undefined;
    this.#at += 1;
    return line.slice(name.length);
  }

  resources(): string[] | undefined {
    if (this.field('Resources:') === undefined) return undefined;
    return this.#lines.slice(this.#at).map((line) => line.replace(/^- /, ''));
  }
}
