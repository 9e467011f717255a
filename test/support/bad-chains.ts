/** Chains that allow nothing, whoever looks at them: each has one thing wrong. */
import { randomBytes } from 'node:crypto';
import * as cbor from './cbor.ts';
import {
  bitcoinWallet,
  cacao,
  cacaoOf,
  delegation,
  evmWallet,
  messageOf,
  type Payload,
  type Principal,
  payloadEntries,
  payloadOf,
  type Session,
  secp256k1Principal,
  solanaWallet,
  uri,
  type Wallet,
} from './identities.ts';
import { type Act, grant, newSession } from './tenants.ts';
import { mirrored } from './wallets.ts';

const HOUR_MS = 3_600_000;
const now = (): number => Date.now();

/** An act over a chain with `links`, from `owner` to `by`. */
function act(owner: { readonly did: string }, by: Session, ...links: readonly Buffer[]): Act {
  return { owner: owner.did, by, chain: links };
}

/** From a new owner to a new session, by one link that is granted so. */
function granted(how: (owner: Principal) => Parameters<typeof grant>[2]): () => Act {
  return () => {
    const [owner, by] = [newSession(), newSession()];
    return act(owner, by, grant(owner, by, how(owner)));
  };
}

/** From a new owner by a key in between to a session: how the two links are granted. */
function narrowed(
  first: (owner: Principal) => Parameters<typeof grant>[2],
  second: (owner: Principal) => Parameters<typeof grant>[2],
): () => Act {
  return () => {
    const [owner, between, by] = [newSession(), newSession(), newSession()];
    const second_ = { resources: [uri(owner.did)], ...second(owner) };
    return act(owner, by, grant(owner, between, first(owner)), grant(between, by, second_));
  };
}

/** An act over a wallet's sign-in: it signed `signed` but shows `claimed`. */
function tampered(
  wallet: Wallet,
  signed: (by: Session) => Partial<Payload>,
  claimed: Partial<Payload> = {},
): Act {
  const by = newSession();
  const payload = payloadOf(wallet, by, signed(by));
  const signature = cbor.bytes(wallet.sign(messageOf(wallet, payload)));
  const shown = { ...payload, aud: by.did, ...claimed };
  return act(wallet, by, cacaoOf(wallet.header, payloadEntries(shown), wallet.type, signature));
}

/** An act over a wallet's sign-in with another type and signature. */
function signedBy(wallet: Wallet, type: string, signature: Buffer): Act {
  const by = newSession();
  const entries = payloadEntries(payloadOf(wallet, by));
  return act(wallet, by, cacaoOf(wallet.header, entries, type, cbor.bytes(signature)));
}

/** So many links one after another, from an owner to a session. */
function long(count: number, resources: (owner: Principal) => readonly string[]): Act {
  const all = Array.from({ length: count + 1 }, newSession);
  const [owner, by] = [all[0], all.at(-1)] as [Session, Session];
  const links = all.slice(1).map((audience, i) => {
    return grant(all[i] as Session, audience, { resources: resources(owner) });
  });
  return act(owner, by, ...links);
}

const wide = (owner: Principal, size: number): string =>
  uri(owner.did, '*', 'publish,write', 'x'.repeat(size));
/** The action, topic or key that the tests ask for is `hello` in `default`. */
const SCOPE: Readonly<Record<string, () => Act>> = {
  'for another namespace': granted(({ did }) => ({ resources: [uri(did, 'other')] })),
  'for another action': granted(({ did }) => ({ resources: [uri(did, 'default', 'admin,read')] })),
  'for another topic or key': granted(({ did }) => ({
    resources: [uri(did, 'default', 'publish,write', 'hello%2F')],
  })),
  'for each half of it': granted(({ did }) => ({
    resources: [uri(did, 'other'), uri(did, 'default', 'read'), uri(did, 'default', 'publish,write', 'x')],
  })),
  'whose second link is for less': narrowed(
    () => ({}),
    ({ did }) => ({ resources: [uri(did, 'default', 'publish,write', 'help')] }),
  ),
};

const TIMES: Readonly<Record<string, () => Act>> = {
  'that has expired': granted(() => ({ expiry: now() - 1000 })),
  'that expires at this moment': () => {
    const time = now();
    return { ...granted(() => ({ expiry: time }))(), time };
  },
  'that is not in force yet': granted(() => ({ notBefore: now() + 60_000 })),
  'whose second link has expired': narrowed(
    () => ({}),
    () => ({ expiry: now() - 1000 }),
  ),
};

const LINKS: Readonly<Record<string, () => Act>> = {
  'whose links do not join': () => {
    const [owner, by] = [newSession(), newSession()];
    const elsewhere = grant(newSession(), by, { resources: [uri(owner.did)] });
    return act(owner, by, grant(owner, newSession()), elsewhere);
  },
  'that ends at somebody else': () => {
    const owner = newSession();
    return act(owner, newSession(), grant(owner, newSession()));
  },
  'whose links are in the wrong order': () => {
    const [owner, between, by] = [newSession(), newSession(), newSession()];
    return act(owner, by, grant(between, by, { resources: [uri(owner.did)] }), grant(owner, between));
  },
  'that is a cycle': () => {
    const [owner, by] = [newSession(), newSession()];
    const again = grant(owner, by);
    return act(owner, by, grant(owner, by), grant(by, owner, { resources: [uri(owner.did)] }), again);
  },
  'of one who lets itself': () => {
    const owner = newSession();
    return act(owner, owner, grant(owner, owner));
  },
  'of nine links': () => long(9, ({ did }) => [uri(did)]),
  'with a link of more than 2 048 bytes': () =>
    long(1, (owner) => [900, 901, 902].map((size) => wide(owner, size))),
  'of more than 4 096 bytes': () => long(5, (owner) => [wide(owner, 900)]),
  'with a link that is empty': () => {
    const owner = newSession();
    return act(owner, owner, Buffer.alloc(0));
  },
};

const WIDENED: Readonly<Record<string, () => Act>> = {
  'that widens actions': narrowed(
    ({ did }) => ({ resources: [uri(did, '*', 'publish')] }),
    () => ({}),
  ),
  'that widens namespaces': narrowed(
    ({ did }) => ({ resources: [uri(did, 'default')] }),
    () => ({}),
  ),
  'that widens a prefix': narrowed(
    ({ did }) => ({ resources: [uri(did, '*', 'publish,write', 'hello%2F')] }),
    ({ did }) => ({ resources: [uri(did, '*', 'publish,write', 'hello')] }),
  ),
  'that widens its expiry': narrowed(
    () => ({ expiry: now() + HOUR_MS }),
    () => ({ expiry: now() + HOUR_MS + 1 }),
  ),
  'that expires no more': narrowed(
    () => ({ expiry: now() + HOUR_MS }),
    () => ({}),
  ),
  'that begins earlier': narrowed(
    () => ({ notBefore: now() - HOUR_MS }),
    () => ({ notBefore: now() - HOUR_MS - 1 }),
  ),
  'that adds another owner': narrowed(
    () => ({}),
    ({ did }) => ({ resources: [uri(did), uri(newSession().did)] }),
  ),
};

const FORGED: Readonly<Record<string, () => Act>> = {
  'with a forged link': () => {
    const [owner, by] = [newSession(), newSession()];
    const link = grant(owner, by);
    link[link.byteLength - 1] = (link.at(-1) ?? 0) ^ 1;
    return act(owner, by, link);
  },
  'that somebody else signed': () => {
    const [owner, by] = [newSession(), newSession()];
    return act(owner, by, grant({ did: owner.did, sign: newSession().sign }, by));
  },
  'for another swarm': granted(({ did }) => ({
    resources: [uri(did).replace('maillon://maillon/', 'maillon://other/')],
    swarm: 'other',
  })),
  'of this swarm’s resources that was signed for another swarm': granted(() => ({ swarm: 'other' })),
  'with the other signature of a secp256k1 key': () => {
    const [owner, by] = [secp256k1Principal(0x31), newSession()];
    const nonce = cbor.bytes(randomBytes(16));
    const sign = (message: Uint8Array): Buffer => Buffer.from(mirrored(owner.sign(message)));
    return act(owner, by, delegation({ did: owner.did, sign }, by, { nonce }));
  },
  'that is not canonical': () => {
    const [owner, by] = [newSession(), newSession()];
    return act(owner, by, delegation(owner, by, { notBefore: cbor.integer(1, 8) }));
  },
  'with a resource in another spelling': granted(({ did }) => ({
    resources: [uri(did, '*', 'publish,write', '%68ello')],
  })),
  'with a field that nobody knows': () => {
    const [owner, by] = [evmWallet(0x32), newSession()];
    const entries = [...payloadEntries(payloadOf(owner, by)), ['zzzzzzzzzzzz', cbor.TRUE] as const];
    const signature = cbor.bytes(owner.sign(messageOf(owner, payloadOf(owner, by))));
    return act(owner, by, cacaoOf(owner.header, entries, owner.type, signature));
  },
};

const narrowTo = (wallet: Wallet) => () => ({ resources: [uri(wallet.did, 'other')] });
const WALLETS: Readonly<Record<string, () => Act>> = {
  'of an EVM sign-in with other resources': () =>
    tampered(evmWallet(0x33), narrowTo(evmWallet(0x33)), { resources: [uri(evmWallet(0x33).did)] }),
  'of an EVM sign-in for another session': () => tampered(evmWallet(0x33), () => ({ aud: newSession().did })),
  'of an EVM sign-in whose end was taken away': () => {
    const [wallet, by] = [evmWallet(0x33), newSession()];
    const message = messageOf(wallet, payloadOf(wallet, by, { exp: '2099-01-01T00:00:00.000Z' }));
    const entries = payloadEntries(payloadOf(wallet, by));
    const signature = cbor.bytes(wallet.sign(message));
    return act(wallet, by, cacaoOf(wallet.header, entries, wallet.type, signature));
  },
  'of an EVM sign-in with another domain': () =>
    tampered(evmWallet(0x33), () => ({}), { domain: 'evil.example.org' }),
  'of an EVM sign-in on another chain': () =>
    tampered(evmWallet(0x33), () => ({}), { iss: evmWallet(0x33, '10').did }),
  'of an EVM sign-in with the other signature': () => {
    const wallet = evmWallet(0x34);
    const by = newSession();
    const payload = payloadOf(wallet, by);
    const signature = cbor.bytes(mirrored(wallet.sign(messageOf(wallet, payload))));
    return act(wallet, by, cacaoOf(wallet.header, payloadEntries(payload), wallet.type, signature));
  },
  'of a P2WPKH sign-in with other resources': () => {
    const wallet = bitcoinWallet(0x35, 'p2wpkh');
    return tampered(wallet, narrowTo(wallet), { resources: [uri(wallet.did)] });
  },
  'of a P2TR sign-in with another time': () =>
    tampered(bitcoinWallet(0x35, 'p2tr'), () => ({}), { iat: '2025-11-21T00:00:01.000Z' }),
  'of a Solana sign-in with other resources': () => {
    const wallet = solanaWallet(0x36);
    return tampered(wallet, narrowTo(wallet), { resources: [uri(wallet.did)] });
  },
  'of a contract wallet': () => signedBy(evmWallet(0x37), 'eip1271', randomBytes(65)),
  'of a contract wallet, as one of a key': () => signedBy(evmWallet(0x37), 'eip191', randomBytes(97)),
  'of a Solana sign-in, as one of EVM': () => signedBy(solanaWallet(0x38), 'eip191', randomBytes(65)),
  'of an EVM sign-in in the name of a Bitcoin address': () => {
    const by = newSession();
    const link = cacao({ ...evmWallet(0x39), did: bitcoinWallet(0x39, 'p2tr').did }, by, {
      resources: [uri(bitcoinWallet(0x39, 'p2tr').did)],
    });
    return act(bitcoinWallet(0x39, 'p2tr'), by, link);
  },
};

/** By what is wrong with them: faults that need no context. */
export const BAD_CHAINS: Readonly<Record<string, () => Act>> = {
  ...SCOPE,
  ...TIMES,
  ...LINKS,
  ...WIDENED,
  ...FORGED,
  ...WALLETS,
};
