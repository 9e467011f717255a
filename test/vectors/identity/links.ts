import * as cbor from '../../support/cbor.ts';
import { sha256, TIME } from '../../support/envelopes.ts';
import {
  bitcoinWallet,
  cacaoBody,
  cacaoOf,
  type DelegationItems,
  delegation,
  delegationBody,
  delegationItems,
  evmWallet,
  messageOf,
  OWNER,
  type Payload,
  type Principal,
  payloadEntries,
  payloadOf,
  SESSION,
  secp256k1Principal,
  solanaWallet,
  texts,
  uri,
  type Wallet,
} from '../../support/identities.ts';
import type { LinkVector } from './vector.ts';

const SAFE_MAX = Number.MAX_SAFE_INTEGER;
export const LINK_MAX = 2048;

interface Terms {
  readonly issuer?: Principal;
  readonly audience?: Principal;
  readonly resources?: readonly string[];
  readonly notBefore?: number;
  readonly expiry?: number;
  readonly time?: number;
}

const integerOrNull = (value: number | undefined): Buffer =>
  value === undefined ? cbor.NULL : cbor.integer(value);

function delegated(name: string, terms: Terms = {}, other: Partial<DelegationItems> = {}): LinkVector {
  const { issuer = OWNER, audience = SESSION, notBefore, expiry, time = TIME } = terms;
  const { resources = [uri(issuer.did)] } = terms;
  const items = {
    resources: texts(...resources),
    notBefore: integerOrNull(notBefore),
    expiry: integerOrNull(expiry),
    time: cbor.integer(time),
    ...other,
  };
  return {
    name,
    hex: delegation(issuer, audience, items).toString('hex'),
    valid: true,
    kind: 'delegation',
    digest: sha256(delegationBody({ ...delegationItems(issuer, audience), ...items })).toString('hex'),
    issuer: issuer.did,
    audience: audience.did,
    resources,
    notBefore: notBefore ?? null,
    expiry: expiry ?? null,
    time,
    domain: null,
  };
}

function twoPrefixes(first: number, second: number): Buffer {
  const [one, other] = [first, second].map((length) => uri(OWNER.did, 'default', 'read', 'p'.repeat(length)));
  return delegation(OWNER, SESSION, { resources: texts(one ?? '', other ?? '') });
}

/** A delegation filled up to `size` bytes by the prefixes of its resources. */
function sized(size: number): Buffer {
  const rest = size - twoPrefixes(800, 200).byteLength;
  return twoPrefixes(800, 200 + rest);
}

function delegations(): LinkVector[] {
  const secp256k1 = secp256k1Principal(9);
  const prefixes = Array.from({ length: 8 }, (_, at) => uri(OWNER.did, 'default', 'write', `p${at}`));
  const largest = sized(LINK_MAX);
  const extension = cbor.map([['a', cbor.list([cbor.integer(-1), cbor.TRUE])]]);
  return [
    delegated('the example of the SPEC'),
    delegated('by a secp256k1 key', { issuer: secp256k1 }),
    delegated('to a secp256k1 key', { audience: secp256k1 }),
    delegated('in force for a millisecond', { notBefore: TIME, expiry: TIME + 1 }),
    delegated('in force until the end', { expiry: SAFE_MAX }),
    delegated('in force since the beginning', { notBefore: 0, time: 0 }),
    delegated('ended before it was signed', { expiry: 1 }),
    delegated('8 resources', { resources: prefixes }),
    delegated('of another owner', { resources: [uri(evmWallet(5).did, 'default', 'read')] }),
    delegated('a prefix that is not ASCII', { resources: [uri(OWNER.did, 'default', 'read', '%C3%A9')] }),
    delegated('a nonce of zeros', {}, { nonce: cbor.bytes(Buffer.alloc(16)) }),
    delegated('ext with a value', {}, { ext: extension }),
    { name: '2 048 bytes', hex: largest.toString('hex'), valid: true },
  ];
}

function signedIn(name: string, wallet: Wallet, other: Partial<Payload> = {}): LinkVector {
  const payload = payloadOf(wallet, SESSION, other);
  const message = messageOf(wallet, payload);
  const entries = payloadEntries(payload);
  const signature = cbor.bytes(wallet.sign(message));
  return {
    name,
    hex: cacaoOf(wallet.header, entries, wallet.type, signature).toString('hex'),
    valid: true,
    kind: 'cacao',
    digest: sha256(cacaoBody(wallet.header, entries)).toString('hex'),
    issuer: wallet.did,
    audience: SESSION.did,
    resources: payload.resources ?? [],
    notBefore: payload.nbf === undefined ? null : Date.parse(payload.nbf),
    expiry: payload.exp === undefined ? null : Date.parse(payload.exp),
    time: Date.parse(payload.iat),
    domain: payload.domain,
    message,
  };
}

function cacaos(): LinkVector[] {
  const evm = evmWallet(5);
  const all = {
    statement: 'Let this app act for you.',
    nbf: '2025-11-21T00:00:00Z',
    exp: '2025-11-28T00:00:00.000Z',
    requestId: 'request-1',
    resources: [uri(evm.did, 'default', 'publish,read', 'chat%2F'), uri(evm.did, '*', 'read')],
  };
  const payload = payloadOf(evm, SESSION);
  const signature = evm.sign(messageOf(evm, payload));
  const [v = 0] = signature.subarray(64);
  const byParity = Buffer.concat([signature.subarray(0, 64), Buffer.of(v - 27)]);
  const parity = cacaoOf('eip4361', payloadEntries(payload), 'eip191', cbor.bytes(byParity));
  return [
    signedIn('Ethereum', evm),
    signedIn('Polygon', evmWallet(5, '137')),
    signedIn('Bitcoin, P2WPKH', bitcoinWallet(5, 'p2wpkh')),
    signedIn('Bitcoin, P2TR', bitcoinWallet(5, 'p2tr')),
    signedIn('Solana', solanaWallet(5)),
    signedIn('every field', evm, all),
    signedIn('every field, Bitcoin', bitcoinWallet(6, 'p2wpkh'), all),
    signedIn('every field, Solana', solanaWallet(6), all),
    signedIn('a time without milliseconds', evm, { iat: '2025-11-21T00:00:00Z' }),
    { ...signedIn('v of 0 or 1', evm), hex: parity.toString('hex') },
  ];
}

function invalid(name: string, code: string | undefined, bytes: Buffer): LinkVector {
  return { name, hex: bytes.toString('hex'), valid: false, ...(code === undefined ? {} : { code }) };
}

function field(name: string, items: Partial<DelegationItems>): LinkVector {
  return invalid(name, 'chain_field', delegation(OWNER, SESSION, items));
}

function uncanonical(name: string, items: Partial<DelegationItems>): LinkVector {
  return invalid(name, undefined, delegation(OWNER, SESSION, items));
}

function invalidDelegationFields(): LinkVector[] {
  const wallet = evmWallet(5).did;
  const many = Array.from({ length: 9 }, (_, at) => uri(OWNER.did, 'default', 'read', `${at}`));
  const one = uri(OWNER.did);
  return [
    field('an issuer that is a wallet', { issuer: cbor.text(wallet) }),
    field('an audience that is a wallet', { audience: cbor.text(wallet) }),
    field('an issuer that is no DID', { issuer: cbor.text('me') }),
    field('an issuer that is bytes', { issuer: cbor.bytes(Buffer.from(OWNER.did)) }),
    field('an audience that is null', { audience: cbor.NULL }),
    field('no resources', { resources: texts() }),
    field('9 resources', { resources: texts(...many) }),
    field('a resource twice', { resources: texts(one, one) }),
    field('a resource that is bytes', { resources: cbor.list([cbor.bytes(Buffer.from(one))]) }),
    field('resources that are text', { resources: cbor.text(one) }),
    field('a resource that is none', { resources: texts('https://example.org/') }),
    field('a resource of an unknown action', { resources: texts(uri(OWNER.did, '*', 'delete')) }),
    field('an expiry at the beginning', { notBefore: cbor.integer(5), expiry: cbor.integer(5) }),
    field('an expiry before the beginning', { notBefore: cbor.integer(5), expiry: cbor.integer(4) }),
    field('a time of -1', { time: cbor.integer(-1) }),
    field('a time of 2^53', { time: cbor.integer(2n ** 53n) }),
    field('a time that is null', { time: cbor.NULL }),
    field('an expiry of -1', { expiry: cbor.integer(-1) }),
    field('an expiry that is text', { expiry: cbor.text('never') }),
    field('a beginning that is a fraction', { notBefore: cbor.float64(1.5) }),
    field('a nonce of 15 bytes', { nonce: cbor.bytes(Buffer.alloc(15)) }),
    field('a nonce of 17 bytes', { nonce: cbor.bytes(Buffer.alloc(17)) }),
    field('a nonce that is text', { nonce: cbor.text('0123456789abcdef') }),
    field('ext of 513 bytes', { ext: cbor.map([['a', cbor.bytes(Buffer.alloc(507))]]) }),
    field('ext that is a list', { ext: cbor.list([]) }),
  ];
}

function invalidDelegations(): LinkVector[] {
  const whole = delegation(OWNER, SESSION);
  const items = delegationItems(OWNER, SESSION);
  const mirrored = delegation(secp256k1Principal(9), SESSION);
  mirrored.set(highS(mirrored.subarray(-64)), mirrored.byteLength - 64);
  return [
    invalid('nothing', 'chain_malformed', Buffer.alloc(0)),
    invalid('a byte string', 'chain_malformed', cbor.bytes(Buffer.alloc(8))),
    invalid('an array of 9 items', 'chain_malformed', delegationBody(items)),
    invalid('2 049 bytes', 'chain_too_large', sized(LINK_MAX + 1)),
    invalid('version 2', 'chain_version', delegation(OWNER, SESSION, { version: cbor.integer(2) })),
    invalid('version 2 with nothing behind it', 'chain_version', Buffer.of(0x8a, 0x02)),
    invalid('one byte too few', 'chain_malformed', whole.subarray(0, -1)),
    invalid('one byte too many', 'chain_malformed', Buffer.concat([whole, Buffer.of(0)])),
    invalid(
      '537 items and more',
      'chain_malformed',
      delegation(OWNER, SESSION, { ext: cbor.list(Array.from({ length: 600 }, () => cbor.NULL)) }),
    ),
    uncanonical('a time in a longer form', { time: cbor.integer(5, 8) }),
    uncanonical('a time that is a float', { time: cbor.float64(5) }),
    uncanonical('a nonce with a longer head', { nonce: cbor.bytes(Buffer.alloc(16), 2) }),
    uncanonical('resources of indefinite length', {
      resources: Buffer.concat([cbor.indefinite(cbor.ARRAY), cbor.text(uri(OWNER.did)), cbor.BREAK]),
    }),
    uncanonical('a tag', { nonce: cbor.tag(0, cbor.bytes(Buffer.alloc(16))) }),
    uncanonical('ext out of order', {
      ext: cbor.map([
        ['b', cbor.NULL],
        ['a', cbor.NULL],
      ]),
    }),
    invalid(
      'a signature of 63 bytes',
      'chain_field',
      Buffer.concat([whole.subarray(0, -66), cbor.bytes(Buffer.alloc(63))]),
    ),
    invalid(
      'a signature that is wrong',
      'chain_signature',
      Buffer.concat([whole.subarray(0, -64), Buffer.alloc(64, 1)]),
    ),
    invalid(
      'signed by the audience',
      'chain_signature',
      delegation({ did: OWNER.did, sign: SESSION.sign }, SESSION),
    ),
    invalid('signed for another swarm', 'chain_signature', delegation(OWNER, SESSION, {}, 'other')),
    invalid(
      'for another swarm',
      'chain_swarm',
      delegation(OWNER, SESSION, { resources: texts(uri(OWNER.did).replace('//maillon', '//other')) }),
    ),
    invalid('a high s', 'chain_signature', mirrored),
    invalid('to itself', 'chain_cycle', delegation(SESSION, SESSION)),
  ];
}

/** For r‖s the form with n - s, which is valid on the curve too. */
function highS(compact: Uint8Array): Buffer {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const s = BigInt(`0x${Buffer.from(compact.subarray(32)).toString('hex')}`);
  const other = Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex');
  return Buffer.concat([compact.subarray(0, 32), other]);
}

function cacaoField(name: string, other: Partial<Payload>, code = 'chain_field'): LinkVector {
  return { ...signedIn(name, evmWallet(5), other), valid: false, code };
}

/** A CACAO whose payload or types are changed behind the signature. */
function parts(
  name: string,
  code: string | undefined,
  change: { header?: string; payload?: Entries; type?: string; signature?: Buffer },
  wallet = evmWallet(5),
): LinkVector {
  const payload = payloadOf(wallet, SESSION);
  const {
    header = wallet.header,
    payload: entries = payloadEntries(payload),
    type = wallet.type,
    signature = cbor.bytes(wallet.sign(messageOf(wallet, payload))),
  } = change;
  return invalid(name, code, cacaoOf(header, entries, type, signature));
}

type Entries = ReturnType<typeof payloadEntries>;

function invalidCacaoFields(): LinkVector[] {
  const evm = evmWallet(5);
  const entries = payloadEntries(payloadOf(evm, SESSION));
  const without = (key: string): Entries => entries.filter(([one]) => one !== key);
  const withEntry = (key: string, value: Buffer): Entries =>
    entries.map(([one, old]) => [one, one === key ? value : old] as const);
  return [
    cacaoField('an audience that is a secp256k1 key', { aud: secp256k1Principal(9).did }),
    cacaoField('an audience that is a page', { aud: 'https://example.org/' }),
    cacaoField('no resources', { resources: [] }),
    cacaoField('a resource that is none of ours', { resources: ['https://example.org/'] }),
    cacaoField('a resource twice', { resources: [uri(evm.did), uri(evm.did)] }),
    cacaoField('an expiry before the beginning', {
      nbf: '2025-11-22T00:00:00Z',
      exp: '2025-11-21T00:00:00Z',
    }),
    cacaoField('a domain in capitals', { domain: 'App.example.org' }),
    cacaoField('a nonce of 7 characters', { nonce: '1234567' }),
    cacaoField('a statement of two lines', { statement: 'a\nb' }),
    cacaoField('version 2', { version: '2' }, 'chain_version'),
    cacaoField(
      'for another swarm',
      { resources: [uri(evm.did).replace('//maillon', '//other')] },
      'chain_swarm',
    ),
    ...['aud', 'iat', 'iss', 'nonce', 'domain', 'version', 'resources'].map((key) =>
      parts(`without ${key}`, 'chain_field', { payload: without(key) }),
    ),
    parts('a field that is not known', 'chain_field', {
      payload: [['x', cbor.text('y')] as const, ...entries],
    }),
    parts('a statement that is null', 'chain_field', {
      payload: [...entries, ['statement', cbor.NULL] as const],
    }),
    parts('a version that is a number', 'chain_field', { payload: withEntry('version', cbor.integer(1)) }),
    parts('an issuer that is a key', 'chain_field', { payload: withEntry('iss', cbor.text(OWNER.did)) }),
    parts('an issuer in EIP-55 capitals', 'chain_field', {
      payload: withEntry('iss', cbor.text(`did:pkh:eip155:1:${evm.account}`)),
    }),
    parts('resources that are text', 'chain_field', {
      payload: withEntry('resources', cbor.text(uri(evm.did))),
    }),
  ];
}

function invalidCacaos(): LinkVector[] {
  const evm = evmWallet(5);
  const solana = solanaWallet(5);
  const bitcoin = bitcoinWallet(5, 'p2wpkh');
  const entries = payloadEntries(payloadOf(evm, SESSION));
  const { hex } = signedIn('', evm);
  const whole = Buffer.from(hex, 'hex');
  const other = { ...evm, sign: evmWallet(6).sign };
  const high = evm.sign(messageOf(evm, payloadOf(evm, SESSION)));
  high.set(highS(high.subarray(0, 64)));
  high[64] = high[64] === 27 ? 28 : 27;
  return [
    parts('another header of CAIP-74: it is not signed', 'chain_field', { header: 'caip122' }),
    parts('Ethereum’s header for Solana', 'chain_field', { header: 'eip4361' }, solana),
    parts('Bitcoin’s signature type for Solana', 'chain_field', { type: 'bip322' }, solana),
    parts('an unknown header', 'chain_version', { header: 'caip999' }),
    parts('an unknown signature type', 'chain_version', { type: 'tezos:ed25519' }),
    parts('a contract’s signature type', 'chain_contract_wallet', { type: 'eip1271' }),
    parts('a signature of 64 bytes', 'chain_contract_wallet', { signature: cbor.bytes(Buffer.alloc(64)) }),
    parts('no signature', 'chain_contract_wallet', { signature: cbor.bytes(Buffer.alloc(0)) }),
    parts('a contract’s signature', 'chain_contract_wallet', { signature: cbor.bytes(Buffer.alloc(288)) }),
    parts('a signature as text', 'chain_field', { signature: cbor.text(`0x${'00'.repeat(65)}`) }),
    parts(
      'a signature of 63 bytes, Solana',
      'chain_field',
      { signature: cbor.bytes(Buffer.alloc(63)) },
      solana,
    ),
    parts('a witness of 129 bytes', 'chain_field', { signature: cbor.bytes(Buffer.alloc(129)) }, bitcoin),
    parts('no witness', 'chain_field', { signature: cbor.bytes(Buffer.alloc(0)) }, bitcoin),
    parts('a witness as text', 'chain_field', { signature: cbor.text('AkcwRAIg') }, bitcoin),
    parts('a wrong signature', 'chain_signature', { signature: cbor.bytes(Buffer.alloc(65, 1)) }),
    parts(
      'a wrong signature, Solana',
      'chain_signature',
      { signature: cbor.bytes(Buffer.alloc(64, 1)) },
      solana,
    ),
    parts('a wrong witness', 'chain_signature', { signature: cbor.bytes(Buffer.alloc(108, 1)) }, bitcoin),
    parts('a high s', 'chain_signature', { signature: cbor.bytes(high) }),
    { ...signedIn('signed by another wallet', other), valid: false, code: 'chain_signature' },
    parts('another payload than was signed', 'chain_signature', {
      payload: payloadEntries(payloadOf(evm, SESSION, { nonce: '0000000000000000' })),
    }),
    invalid('a map of two', 'chain_field', cacaoBody('eip4361', entries)),
    invalid('an empty map', 'chain_field', cbor.map([])),
    invalid('a CACAO with one byte too few', 'chain_malformed', whole.subarray(0, -1)),
    invalid('a CACAO with one byte too many', 'chain_malformed', Buffer.concat([whole, Buffer.of(0)])),
    invalid(
      'a CACAO of 2 049 bytes',
      'chain_too_large',
      Buffer.concat([whole, Buffer.alloc(2049 - whole.byteLength)]),
    ),
    parts('fields out of order', undefined, { payload: entries.toReversed() }),
    parts('a field twice', undefined, { payload: [...entries, ...entries.slice(0, 1)] }),
    parts('a key __proto__', undefined, { payload: [...entries, ['__proto__', cbor.map([])] as const] }),
    parts('a text with a longer head', undefined, {
      payload: entries.map(([key, value]) => [key, key === 'nonce' ? longHead(value) : value] as const),
    }),
    invalid('CAIP-74’s example', 'chain_field', CAIP_74_EXAMPLE),
  ];
}

function longHead(text: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x78), Buffer.of(text.byteLength - 1), text.subarray(1)]);
}

/** The block in the CAR of CAIP-74: its version is a number, its times have an offset, its audience is a page. */
const CAIP_74_EXAMPLE = Buffer.from(
  [
    'a36168a1617467656970343336316170ab63617564781b687474703a2f2f6c6f63616c686f73743a333030302f6c6f67696e',
    '63657870781d323032322d30332d31305431383a30393a32312e3438312b30333a303063696174781d323032322d30332d31',
    '305431373a30393a32312e3438312b30333a303063697373783b6469643a706b683a6569703135353a313a30784241633637',
    '3543333130373231373137436434413337463663626541314630383162314332613037636e6266781d323032322d30332d31',
    '305431373a30393a32312e3438312b30333a3030656e6f6e63656633323839313766646f6d61696e6e6c6f63616c686f7374',
    '3a333030306776657273696f6e016972657175657374496471726571756573742d69642d72616e646f6d697265736f757263',
    '6573827842697066733a2f2f62616679626569656d78663561626a776a62696b6f7a346d63336133646c613675616c336a73',
    '6770647234636a72336f7a33657666796176687771782668747470733a2f2f6578616d706c652e636f6d2f6d792d77656232',
    '2d636c61696d2e6a736f6e6973746174656d656e74784149206163636570742074686520536572766963654f726720546572',
    '6d73206f6620536572766963653a2068747470733a2f2f736572766963652e6f72672f746f736173a2617358415ccb134ad3',
    'd874cbb40a32b399549cd32c953dc5dc87dc64624a3e3dc0684d7d4833043dd7e9f4a6894853f8dc555f97bc7e3c7dd3fcc6',
    '6409eb982bff3a44671b617466656970313931',
  ].join(''),
  'hex',
);

export function linkVectors(): LinkVector[] {
  return [
    ...delegations(),
    ...cacaos(),
    ...invalidDelegationFields(),
    ...invalidDelegations(),
    ...invalidCacaoFields(),
    ...invalidCacaos(),
  ];
}
