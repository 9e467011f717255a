import * as cbor from '../../support/cbor.ts';
import { TIME } from '../../support/envelopes.ts';
import {
  bitcoinWallet,
  cacao,
  type DelegationItems,
  delegation,
  evmWallet,
  OWNER,
  type Principal,
  SESSION,
  type Session,
  secp256k1Principal,
  session,
  solanaWallet,
  texts,
  uri,
} from '../../support/identities.ts';
import type { AskedVector, ChainVector } from './vector.ts';

const GATEWAY = session(21);
const API_KEY = session(22);
const WALLET = evmWallet(5);

interface Terms {
  readonly resources?: readonly string[];
  readonly notBefore?: number;
  readonly expiry?: number;
}

/** A delegation by `issuer` of what is `owner`’s. */
function link(
  issuer: Principal,
  audience: Principal,
  { resources = [uri(OWNER.did)], notBefore, expiry }: Terms = {},
): Buffer {
  const items: Partial<DelegationItems> = {
    resources: texts(...resources),
    ...(notBefore === undefined ? {} : { notBefore: cbor.integer(notBefore) }),
    ...(expiry === undefined ? {} : { expiry: cbor.integer(expiry) }),
  };
  return delegation(issuer, audience, items);
}

function valid(
  name: string,
  root: string,
  links: readonly Buffer[],
  author: Session,
  asked: readonly AskedVector[] = [],
): ChainVector {
  return { ...chain(name, links, author), root, asked };
}

function invalid(
  name: string,
  code: string,
  links: readonly Buffer[],
  author: Session = API_KEY,
): ChainVector {
  return { ...chain(name, links, author), code };
}

function chain(name: string, links: readonly Buffer[], author: Session): ChainVector {
  return {
    name,
    links: links.map((bytes) => bytes.toString('hex')),
    author: author.author.multikey.toString('hex'),
  };
}

function asked(other: Partial<AskedVector> = {}): AskedVector {
  return { owner: OWNER.did, namespace: 'default', action: 'write', resource: 'key', time: TIME, ...other };
}

const no = (other: Partial<AskedVector>, code = 'chain_not_granted'): AskedVector => ({
  ...asked(other),
  code,
});

/** From one to the next and so on, `count` links, the last to `API_KEY`. */
function line(count: number): Buffer[] {
  const between = Array.from({ length: count - 1 }, (_, at) => session(100 + at));
  const all = [OWNER, ...between, API_KEY];
  return all.slice(1).map((audience, at) => link(all[at] ?? OWNER, audience));
}

function validChains(): ChainVector[] {
  const inTime = { notBefore: TIME, expiry: TIME + 1000 };
  const narrow = [uri(OWNER.did, 'default', 'publish,write', 'a')];
  const narrower = [uri(OWNER.did, 'default', 'write', 'ab'), uri(OWNER.did, 'default', 'publish', 'ac')];
  const secp256k1 = secp256k1Principal(9);
  const byWallet = { resources: [uri(WALLET.did, 'default', 'write')] };
  const walletAsked = { owner: WALLET.did };
  return [
    valid('no links: the author is the root', OWNER.did, [], OWNER, [
      asked(),
      asked({ owner: SESSION.did, action: 'admin', resource: '' }),
    ]),
    valid('one link: everything', OWNER.did, [link(OWNER, API_KEY)], API_KEY, [
      asked(),
      asked({ namespace: 'other', action: 'read' }),
      asked({ namespace: '*', action: 'admin', resource: '' }),
      asked({ time: 0 }),
      no({ owner: SESSION.did }),
    ]),
    valid('a wallet, Ethereum', WALLET.did, [cacao(WALLET, SESSION)], SESSION, [
      asked(walletAsked),
      no({ owner: OWNER.did }),
    ]),
    valid(
      'a wallet, a session, a gateway, an API key',
      WALLET.did,
      [cacao(WALLET, SESSION), link(SESSION, GATEWAY, byWallet), link(GATEWAY, API_KEY, byWallet)],
      API_KEY,
      [
        asked(walletAsked),
        no({ ...walletAsked, action: 'read' }),
        no({ ...walletAsked, namespace: 'other' }),
      ],
    ),
    ...[bitcoinWallet(5, 'p2wpkh'), bitcoinWallet(5, 'p2tr'), solanaWallet(5)].map((wallet, at) =>
      valid(`a wallet, ${wallet.name} ${at}`, wallet.did, [cacao(wallet, SESSION)], SESSION),
    ),
    valid('a secp256k1 key between', OWNER.did, [link(OWNER, secp256k1), link(secp256k1, API_KEY)], API_KEY),
    valid('8 links', OWNER.did, line(8), API_KEY, [asked()]),
    valid('in force', OWNER.did, [link(OWNER, API_KEY, inTime)], API_KEY, [
      no({ time: TIME - 1 }, 'chain_not_in_force'),
      asked({ time: TIME }),
      asked({ time: TIME + 999 }),
      no({ time: TIME + 1000 }, 'chain_not_in_force'),
    ]),
    valid(
      'in force for less and less',
      OWNER.did,
      [link(OWNER, GATEWAY, inTime), link(GATEWAY, API_KEY, { notBefore: TIME + 1, expiry: TIME + 999 })],
      API_KEY,
      [
        no({ time: TIME }, 'chain_not_in_force'),
        asked({ time: TIME + 998 }),
        no({ time: TIME + 999 }, 'chain_not_in_force'),
      ],
    ),
    valid(
      'in force as before',
      OWNER.did,
      [link(OWNER, GATEWAY, inTime), link(GATEWAY, API_KEY, inTime)],
      API_KEY,
    ),
    valid(
      'narrower and narrower',
      OWNER.did,
      [link(OWNER, GATEWAY, { resources: narrow }), link(GATEWAY, API_KEY, { resources: narrower })],
      API_KEY,
      [
        asked({ resource: 'ab' }),
        asked({ resource: 'abc' }),
        no({ resource: 'a' }),
        no({ resource: 'ac' }),
        asked({ action: 'publish', resource: 'ac' }),
        no({ action: 'publish', resource: 'ab' }),
        no({ action: 'read', resource: 'ab' }),
        no({ namespace: 'other', resource: 'ab' }),
        no({ namespace: '*', resource: 'ab' }),
        no({ action: 'admin', resource: '' }),
      ],
    ),
    valid(
      'a prefix that is not ASCII',
      OWNER.did,
      [link(OWNER, API_KEY, { resources: [uri(OWNER.did, 'default', 'write', '%C3%A9')] })],
      API_KEY,
      [
        asked({ resource: 'é' }),
        asked({ resource: 'éa' }),
        no({ resource: 'e\u0301' }),
        no({ resource: 'è' }),
      ],
    ),
    valid(
      'what is another owner’s, by a holder',
      OWNER.did,
      [link(OWNER, API_KEY, { resources: [uri(WALLET.did, 'default', 'write')] })],
      API_KEY,
      [asked(walletAsked), no({ owner: OWNER.did })],
    ),
  ];
}

function broken(): ChainVector[] {
  const wrong = { did: OWNER.did, sign: SESSION.sign };
  const back = [link(OWNER, GATEWAY), link(GATEWAY, session(30)), link(session(30), OWNER)];
  return [
    invalid('9 links', 'chain_too_large', line(9)),
    invalid('4 097 bytes', 'chain_too_large', [Buffer.alloc(2048), Buffer.alloc(2048), Buffer.alloc(1)]),
    invalid('a link of 2 049 bytes', 'chain_too_large', [Buffer.alloc(2049)]),
    invalid('an empty link', 'chain_malformed', [Buffer.alloc(0)]),
    invalid('to another author', 'chain_broken', line(2), SESSION),
    invalid('to a secp256k1 key', 'chain_broken', [link(OWNER, secp256k1Principal(9))]),
    invalid('a link left out', 'chain_broken', line(3).toSpliced(1, 1)),
    invalid('links in another order', 'chain_broken', line(2).toReversed()),
    invalid('a wallet behind a key', 'chain_broken', [link(OWNER, SESSION), cacao(WALLET, API_KEY)]),
    invalid('back to the root', 'chain_cycle', back, OWNER),
    invalid('back to a principal', 'chain_cycle', [...back.slice(0, 2), link(session(30), GATEWAY)], GATEWAY),
    invalid('to itself', 'chain_cycle', [...line(1), link(API_KEY, API_KEY)]),
    invalid('a wrong signature first', 'chain_signature', [link(wrong, GATEWAY), link(GATEWAY, API_KEY)]),
    invalid('a wrong signature last', 'chain_signature', [
      link(OWNER, GATEWAY),
      link({ did: GATEWAY.did, sign: SESSION.sign }, API_KEY),
    ]),
    invalid('a later version', 'chain_version', [delegation(OWNER, API_KEY, { version: cbor.integer(2) })]),
  ];
}

function widened(name: string, before: Terms, after: Terms, code = 'chain_widened'): ChainVector {
  return invalid(name, code, [link(OWNER, GATEWAY, before), link(GATEWAY, API_KEY, after)]);
}

function granted(namespace = 'default', actions = 'write', prefix = ''): Terms {
  return { resources: [uri(OWNER.did, namespace, actions, prefix)] };
}

function widenedChains(): ChainVector[] {
  const two = {
    resources: [uri(OWNER.did, 'default', 'read', 'a'), uri(OWNER.did, 'default', 'write', 'a')],
  };
  const other = uri(OWNER.did).replace('//maillon', '//other');
  return [
    widened('another action', granted(), granted('default', 'read')),
    widened('one action more', granted(), granted('default', 'read,write')),
    widened('all namespaces', granted(), granted('*')),
    widened('another namespace', granted(), granted('other')),
    widened('a shorter prefix', granted('default', 'write', 'ab'), granted('default', 'write', 'a')),
    widened('another prefix', granted('default', 'write', 'ab'), granted('default', 'write', 'b')),
    widened('no prefix', granted('default', 'write', 'ab'), granted()),
    widened('another owner', granted(), { resources: [uri(SESSION.did, 'default', 'write')] }),
    widened('what only two together grant', two, granted('default', 'read,write', 'a')),
    widened('one resource of two', granted(), {
      resources: [uri(OWNER.did, 'default', 'write'), uri(OWNER.did, 'other', 'write')],
    }),
    widened('a later expiry', { expiry: TIME }, { expiry: TIME + 1 }),
    widened('no expiry', { expiry: TIME }, {}),
    widened('an earlier beginning', { notBefore: TIME }, { notBefore: TIME - 1 }),
    widened('no beginning', { notBefore: TIME }, {}),
    widened('no beginning, where it was the first millisecond', { notBefore: 0 }, {}),
    widened('another swarm, last', {}, { resources: [other] }, 'chain_swarm'),
    widened('another swarm, both', { resources: [other] }, { resources: [other] }, 'chain_swarm'),
    invalid('more than a wallet granted', 'chain_widened', [
      cacao(WALLET, SESSION, { exp: '2025-11-21T00:00:01Z' }),
      link(SESSION, API_KEY, { resources: [uri(WALLET.did)] }),
    ]),
  ];
}

export function chainVectors(): ChainVector[] {
  return [...validChains(), ...broken(), ...widenedChains()];
}
