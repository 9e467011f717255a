import { existsSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { equalBytes } from '../../protocols/common/bytes.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { encodeMultikey } from '../../protocols/common/did-key.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { createIdentityMetrics } from '../../protocols/identity/index.ts';
import { type Invite, JoinError, type JoinGrant, memberName, redeem } from '../../protocols/join/index.ts';
import type { Config } from '../config/schema.ts';
import { peerOf } from '../directory/entry.ts';
import { writeFileAtomic } from '../disk/atomic-file.ts';
import { lockDataDirectory } from '../disk/data-lock.ts';
import { SECRET_MODE } from '../disk/private-file.ts';
import type { Identity } from '../identity/identity.ts';
import {
  type Membership,
  membershipPath,
  networkKeyPath,
  readMembership,
  writeMembership,
} from '../identity/membership-file.ts';
import { createVerifier } from '../identity/tenancy.ts';
import { createWalletCrypto } from '../identity/wallets/index.ts';
import { createNetwork, type Network } from '../network/libp2p.ts';
import { formatNetworkKey, readNetworkKey } from '../network/swarm-key.ts';
import { libp2pLogger } from '../observability/libp2p-logger.ts';
import type { Logger } from '../observability/logger.ts';
import { createCrypto } from '../runtime/crypto.ts';
import { Questions } from '../transport/questions.ts';
import { checkGrant } from './grant.ts';
import { ISSUER_DIAL_TIMEOUT_MS, JOIN_QUESTIONS } from './limits.ts';

export interface JoinInit {
  readonly invite: Invite;
  readonly config: Config;
  /** Where the membership is kept: a node's data directory, or a user's own. */
  readonly directory: string;
  readonly version: string;
  /** The key that joins, read once the directory is held. */
  readonly identity: () => Promise<Identity>;
}

/** Directories that show that a node ran here, so that the data belongs to the owner that it had. */
const TRACES = ['storage', 'gateway', 'namespaces', 'relay'];

/**
 * Redeems an invite and keeps what it grants, so that a node that starts on `directory` acts for the owner of the invite. Throws
 * `other_owner`, `data_in_use`, `join_unreachable`, `JoinError` of the issuer's refusal.
 */
export async function joinWithInvite(
  { logger }: { readonly logger: Logger },
  init: JoinInit,
): Promise<Membership> {
  const { invite, config, directory } = init;
  checkSwarmSaid(invite, config);
  const lock = lockDataDirectory(directory);
  try {
    checkUnclaimed(directory, invite);
    const identity = await init.identity();
    const key = encodeMultikey(identity.signer.publicKey);
    const keyFile = placeNetworkKey(directory, invite, config);
    try {
      const granted =
        invite.chain.length > 0
          ? grantInside(invite)
          : await redeemAt(invite, {
              logger,
              identity,
              config,
              version: init.version,
              keyFile: keyFile.path,
            });
      await checkChain(invite, granted, key);
      const membership = membershipOf(invite, granted, keyFile.isOfInvite);
      writeMembership(directory, membership);
      return membership;
    } catch (error) {
      keyFile.undo();
      throw error;
    }
  } finally {
    lock.release();
  }
}

/** Throws `other_owner` for a directory with data that does not belong to the owner of the invite. */
export function checkUnclaimed(directory: string, { owner, swarm }: Pick<Invite, 'owner' | 'swarm'>): void {
  const before = readMembership(directory);
  if (before !== null) {
    if (before.owner === owner && before.swarm === swarm) return;
    const message = `${directory} belongs to ${before.owner} in the swarm ${before.swarm}, which invited this machine before: join with another data directory (--data DIR), or move ${membershipPath(directory)} and what lies beside it away`;
    throw new CodedError('other_owner', message);
  }
  if (!TRACES.some((trace) => existsSync(join(directory, trace)))) return;
  const message = `${directory} holds the data of a node that ran for another owner, and joining would hand it to ${owner}: join with another data directory (--data DIR), or move this one away`;
  throw new CodedError('other_owner', message);
}

function checkSwarmSaid(invite: Invite, config: Config): void {
  if (!config.explicit.has('swarm') || config.swarm === invite.swarm) return;
  const message = `the invite is for the swarm ${invite.swarm}, and the settings name ${config.swarm}: leave out swarm`;
  throw new CodedError('bad_usage', message);
}

interface PlacedKey {
  /** File with the network's key; empty where the network is open. */
  readonly path: string;
  /** Whether the invite brought it, rather than the settings. */
  readonly isOfInvite: boolean;
  /** Removes what was written for an invite that could not be used. */
  undo(): void;
}

function doNothing(): void {
  // what lay there before stays
}

function placeNetworkKey(directory: string, { networkKey }: Invite, config: Config): PlacedKey {
  const said = config['network.keyFile'];
  if (networkKey.byteLength === 0 || config.explicit.has('network.keyFile')) {
    return { path: said, isOfInvite: false, undo: doNothing };
  }
  const path = networkKeyPath(directory);
  if (existsSync(path)) {
    if (equalBytes(readNetworkKey(path), networkKey)) return { path, isOfInvite: true, undo: doNothing };
    const message = `${path} holds the key of another private network than the invite: move it away`;
    throw new CodedError('other_owner', message);
  }
  writeFileAtomic(path, formatNetworkKey(networkKey), SECRET_MODE);
  return { path, isOfInvite: true, undo: () => rmSync(path, { force: true }) };
}

/** The grant inside an invite that was made for one machine. */
function grantInside({ chain, issuer, addresses, expiry }: Invite): JoinGrant {
  if (expiry <= systemClock.now()) {
    throw new JoinError('invite_expired', 'the invite has expired: make a new one with maillon invite');
  }
  return { chain, entryPoints: addresses.map((address) => ({ key: issuer, address })) };
}

/** Asks the issuer, at the peer id that the invite pins: the secret goes to nobody else. */
async function redeemAt(
  invite: Invite,
  { logger, identity, config, keyFile, version }: RedeemInit,
): Promise<JoinGrant> {
  const { network } = await createNetwork({
    config: {
      ...config,
      swarm: invite.swarm,
      bootstrap: dialledOf(invite).map(String),
      'network.keyFile': keyFile,
      'network.mdns': false,
    },
    role: 'light',
    version,
    listen: [],
    logger: libp2pLogger(logger),
    privateKey: identity.privateKey,
    scoreOf: () => 0,
    onCopy: () => undefined,
    onFault: (what, error) => logger.debug({ err: error }, `${what} does not work here`),
  });
  try {
    await network.start();
    const issuer = await reach(network, invite);
    const questions = new Questions({ network, logger, answer: refuseAll }, JOIN_QUESTIONS);
    const signal = AbortSignal.timeout(JOIN_QUESTIONS.timeoutMs);
    return await redeem(invite, memberName(hostname()), (request) => questions.ask(issuer, request, signal));
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const message = `the issuer was reached and did not answer (${errorMessage(error)}): try again with the same invite`;
    throw new CodedError('join_unanswered', message, undefined, { cause: error });
  } finally {
    await network.stop();
  }
}

interface RedeemInit extends Pick<JoinInit, 'config' | 'version'> {
  readonly logger: Logger;
  readonly identity: Identity;
  readonly keyFile: string;
}

/** Nobody asks a machine that is joining: the protocol is not served. */
function refuseAll(): never {
  throw new JoinError('unavailable', 'this machine does not hold an owner’s key');
}

async function reach(network: Network, invite: Invite): Promise<ReturnType<typeof peerOf>> {
  const issuer = peerOf(invite.issuer);
  const addresses = dialledOf(invite);
  try {
    await network.dial(addresses, { signal: AbortSignal.timeout(ISSUER_DIAL_TIMEOUT_MS) });
    return issuer;
  } catch (error) {
    const tried = addresses.map(String).join(', ');
    const message = isAnotherPeer(error)
      ? `what answers at ${tried} is not the issuer, or in another private network: nothing was sent to it; check the address of the machine that made the invite`
      : `the issuer does not answer at ${tried}: check that it runs and that this machine reaches one of these addresses`;
    throw new CodedError('join_unreachable', message, undefined, { cause: error });
  }
}

/** How libp2p names a handshake that did not show the peer id that was dialled. */
const HANDSHAKE_FAULTS: ReadonlySet<string> = new Set(['EncryptionFailedError', 'UnexpectedPeerError']);

/** Whether at some address somebody answered who could not show that it is the issuer. */
function isAnotherPeer(error: unknown): boolean {
  const causes = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  return causes.some((cause) => cause instanceof Error && HANDSHAKE_FAULTS.has(cause.name));
}

function dialledOf({ issuer, addresses }: Invite): Multiaddr[] {
  const peer = peerOf(issuer).toString();
  return addresses.map((address) => multiaddr(address).encapsulate(`/p2p/${peer}`));
}

async function checkChain({ owner, swarm }: Invite, { chain }: JoinGrant, key: Uint8Array): Promise<void> {
  const wallets = createWalletCrypto();
  const metrics = createIdentityMetrics();
  const clock = systemClock;
  try {
    const verifier = createVerifier({ crypto: createCrypto(), wallets, clock, metrics }, swarm);
    await checkGrant({ verifier, clock }, { chain, key, owner, swarm });
  } finally {
    await wallets.stop();
  }
}

function membershipOf(invite: Invite, { chain, entryPoints }: JoinGrant, isPrivate: boolean): Membership {
  const { owner, swarm, role, issuer, addresses } = invite;
  const known = entryPoints.length > 0 ? entryPoints : addresses.map((address) => ({ key: issuer, address }));
  return { owner, swarm, role, issuer, entryPoints: known, isPrivate, joinedAt: systemClock.now(), chain };
}
