import { type Config, createCrypto, readMembership, userDirectory } from '../../../node/keys.ts';
import { CHAIN_LINK_MAX_BYTES, CHAIN_MAX_LINKS } from '../../../protocols/common/chain.ts';
import type { Ed25519Signer } from '../../../protocols/common/crypto.ts';
import { decodeLink, type Link } from '../../../protocols/identity/index.ts';
import { Author, type Client } from '../../client/index.ts';
import { UsageError } from '../core/errors.ts';
import { readBounded } from '../core/input.ts';
import { openNamed } from '../core/named-file.ts';
import { openKey } from './key.ts';
import type { SigningOptions } from './options.ts';

/** A key that signs, and on whose word. */
export interface Signing {
  readonly swarm: string;
  readonly signer: Ed25519Signer;
  /** did:key of the key. */
  readonly did: string;
  readonly chain: readonly Uint8Array[];
  readonly links: readonly Link[];
  /** The identity it acts for: the issuer of the chain's first link, or the key itself. */
  readonly as: string;
  /** The owner of a namespace that is named without one. */
  readonly owner: string;
  /** Whether it acts under what an invite granted, which never includes policies. */
  readonly isInvited: boolean;
}

/** A full chain in base64, and line ends. */
const CHAIN_FILE_MAX_BYTES = 2 * CHAIN_MAX_LINKS * CHAIN_LINK_MAX_BYTES;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

const crypto = createCrypto();

/** Opens the key that the options name, without any the development owner's. */
export async function openSigning(client: Client, options: SigningOptions): Promise<Signing> {
  const { opened, config } = await openKey(options);
  const { did, signer } = opened;
  const swarm = await swarmOf(client, config);
  const membership = options.key === undefined ? readMembership(userDirectory()) : null;
  const isInvited = options.chain === undefined && membership !== null;
  const chain = options.chain === undefined ? (membership?.chain ?? []) : await readChain(options.chain);
  const links = chain.map((bytes) => decodeLink(bytes, crypto, swarm).link);
  const last = links.at(-1);
  if (last !== undefined && last.audience !== did) {
    throw new UsageError(`the chain is for ${last.audience}, and the key is ${did}: name the right --key`);
  }
  return {
    swarm,
    signer,
    did,
    chain,
    links,
    as: links[0]?.issuer ?? did,
    owner: last?.resources[0]?.owner ?? did,
    isInvited,
  };
}

/** Signs envelopes and records so. */
export function authorOf({ signer, swarm, chain }: Signing): Author {
  return new Author({ crypto, signer }, { swarm, chain });
}

/** A link as one line of text, and back. */
export function formatLink(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

/** The bytes of a link; null for what is no base64url. */
export function parseLinkText(text: string): Uint8Array | null {
  if (!BASE64URL.test(text)) return null;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? new Uint8Array(bytes) : null;
}

/** The gateway's, unless the settings name one: then nothing is signed for another. */
async function swarmOf(client: Client, config: Config): Promise<string> {
  return config.explicit.has('swarm') ? config.swarm : (await client.info()).swarm;
}

async function readChain(path: string): Promise<readonly Uint8Array[]> {
  const bytes = await readBounded((await openNamed('--chain', path)).stream, {
    what: 'a chain',
    maxBytes: CHAIN_FILE_MAX_BYTES,
  });
  const lines = bytes.toString('utf8').split('\n');
  const links = lines.map((line) => line.trim()).filter((line) => line !== '');
  if (links.length === 0) throw new UsageError(`there is no chain in ${path}`);
  return links.map((line, index) => {
    const link = parseLinkText(line);
    if (link === null) {
      throw new UsageError(
        `line ${index + 1} of the chain is no base64url: a chain is what maillon namespace grant prints`,
      );
    }
    return link;
  });
}
