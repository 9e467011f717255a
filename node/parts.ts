import { existsSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { systemClock } from '../protocols/common/clock.ts';
import type { Crypto } from '../protocols/common/crypto.ts';
import {
  type ChainVerifier,
  createIdentityMetrics,
  type IdentityMetrics,
} from '../protocols/identity/index.ts';
import { createRelayMetrics } from '../protocols/relay/index.ts';
import { checkRestoreFinished } from './backup/restore.ts';
import { Backups } from './backup/service.ts';
import { refuseTwin } from './backup/twin.ts';
import type { Role } from './config/role.ts';
import type { Config } from './config/schema.ts';
import { Directory, type DirectoryComponents } from './directory/directory.ts';
import { type Sponsorship, sponsorshipOf } from './directory/self.ts';
import { lockDataDirectory } from './disk/data-lock.ts';
import { Authority } from './identity/authority.ts';
import { chainCheck } from './identity/chain-check.ts';
import type { Credentials } from './identity/credentials.ts';
import { type Identity, loadIdentity } from './identity/identity.ts';
import { IDENTITY_NAME, keyPath } from './identity/keyring/names.ts';
import { type PassphraseSource, passphraseFrom } from './identity/keyring/passphrase.ts';
import type { Operator } from './identity/operator.ts';
import { SponsorRegistry } from './identity/sponsors.ts';
import { SponsorshipMaker } from './identity/sponsorship-maker.ts';
import {
  createVerifier,
  envelopeAuthoriser,
  namingCheck,
  noticeVerifier,
  opennessOf,
  operatorVerifier,
  ownCredentials,
  recordAuthoriser,
  recordCurrency,
  sponsorOf,
  termsOf,
} from './identity/tenancy.ts';
import { createWalletCrypto } from './identity/wallets/index.ts';
import { ProviderTable } from './ipfs/provider-table.ts';
import { IpfsService } from './ipfs/service.ts';
import type { Membership } from './join/membership-file.ts';
import { operatorOf } from './join/operator.ts';
import { Joining } from './join/service.ts';
import { Sight } from './monitor.ts';
import { NamespacesService } from './namespaces/service.ts';
import { featuresOf } from './network/features.ts';
import { createNetwork, type MadeNetwork, type Network } from './network/libp2p.ts';
import { listenAddresses } from './network/listen.ts';
import type { EventLog } from './observability/events.ts';
import { libp2pLogger } from './observability/libp2p-logger.ts';
import type { Logger } from './observability/logger.ts';
import { Meter } from './observability/meter.ts';
import { Peers } from './peers/peers.ts';
import { meshSizes } from './peers/views.ts';
import { RelayService } from './relay/relay.ts';
import { createCrypto } from './runtime/crypto.ts';
import { StorageService } from './storage/service.ts';
import type { StorageServiceComponents } from './storage/service-init.ts';

export interface NodeInit {
  readonly config: Config;
  readonly role: Role;
  readonly version: string;
  /** Count 127.0.0.0/8 by its /24s where prefixes are counted: for a swarm on one machine that is to act as a wide one. */
  readonly splitLoopback?: boolean;
}

export interface NodeComponents {
  readonly logger: Logger;
  /** Where the node's metrics are registered while it runs; nothing of them is made without it. */
  readonly registry?: Registry;
  /** Where its events are reported; its own log of them otherwise. */
  readonly events?: EventLog;
}

/** What parts are made of. */
type Base = NodeInit & { readonly logger: Logger; readonly events: EventLog };

/** What runs between start and stop. */
export interface Parts {
  /** How to stop each part and let go of what it has open, last made first. */
  readonly closing: AsyncDisposableStack;
  readonly identity: Identity;
  readonly tenancy: Tenancy;
  readonly network: Network;
  readonly relay: RelayService;
  readonly directory: Directory;
  readonly storage: StorageService;
  readonly ipfs: IpfsService;
  readonly joining: Joining;
  readonly peers: Peers;
  readonly sight: Sight;
  readonly backups: Backups;
  readonly startedAt: number;
}

/** Who may do what, and as whom this node does it. */
interface Tenancy {
  /** On whose behalf this node acts, and the delegations that show it. */
  readonly operator: Operator;
  readonly namespaces: NamespacesService;
  readonly wallets: ReturnType<typeof createWalletCrypto>;
  readonly metrics: IdentityMetrics;
  /** What a namespace gets here. */
  readonly termsOf: ReturnType<typeof termsOf>;
  readonly sponsors: SponsorRegistry;
  readonly verifyOperator: ReturnType<typeof operatorVerifier>;
  readonly checkChain: ReturnType<typeof chainCheck>;
  readonly sponsorships: SponsorshipMaker;
}

/** Takes the data directory and makes the parts; nothing runs yet. Of a failure nothing is left. */
export async function openParts(base: Base, registry: Registry | null): Promise<Parts> {
  const closing = new AsyncDisposableStack();
  try {
    return await makeParts(base, registry, closing);
  } catch (error) {
    await closing.disposeAsync().catch((fault: unknown) => reportUnstopped(base.logger, fault));
    throw error;
  }
}

async function makeParts(
  base: Base,
  registry: Registry | null,
  closing: AsyncDisposableStack,
): Promise<Parts> {
  const { config, role, logger, events } = base;
  const startedAt = systemClock.now();
  const lock = lockDataDirectory(config.data);
  closing.defer(() => lock.release());
  checkRestoreFinished(config.data);
  const meter = registry === null ? null : new Meter(registry);
  closing.defer(() => meter?.release());
  const passphrases = passphraseFrom({ file: config['identity.passphraseFile'] });
  const crypto = createCrypto();
  const identity = await takeIdentity(base, { crypto, passphrases });
  const metrics = createRelayMetrics();
  // the network asks the services for peers' scores, and is there before them
  const scored: { scoreOf(peer: string): number }[] = [];
  const members: { isMember(peer: string): boolean }[] = [];
  const providers = new ProviderTable({
    clock: systemClock,
    isMember: (peer) => members.some((service) => service.isMember(peer)),
  });
  const { network, policy } = await makeNetwork(base, {
    identity,
    ...(config['ipfs.enabled'] ? { providers } : {}),
    scoreOf: (peer) => scored.reduce((sum, service) => sum + service.scoreOf(peer), 0),
    onCopy: () => {
      metrics.copiesReceived += 1;
    },
    ...(meter === null ? {} : { registry: meter.registry }),
  });
  closing.defer(() => network.stop());
  const { gossip } = network.services;
  const shared = { network, crypto, identity, clock: systemClock, logger, events };
  const acting = await makeTenancy(base, { ...shared, passphrases, closing });
  const { authority, verifier, membership, credentials, ...tenancy } = acting;
  const { namespaces } = tenancy;
  const relay = new RelayService(
    { ...shared, gossip, authorise: envelopeAuthoriser(authority), credentials, metrics },
    { config, role, data: config.data },
  );
  closing.defer(() => relay.stop());
  const keeping: { readonly isReady: boolean }[] = [];
  const directory = makeDirectory(base, shared, { ...tenancy, keeping });
  closing.defer(() => directory.stop());
  const { termsOf, operator, sponsors } = tenancy;
  const kept = { ...shared, namespaces, directory, credentials, termsOf, operator: operator.did, sponsors };
  const { storage, ipfs } = makeStorage(base, kept, { authority, providers, closing });
  members.push(storage.others);
  keeping.push(storage);
  scored.push(relay, directory, storage, namespaces);
  const joining = new Joining(
    { ...shared, ...tenancy, verifier, nodes: () => directory.nodes() },
    { config, membership },
  );
  closing.defer(() => joining.stop());
  const peers = makePeers(base, { network, directory, logger }, policy);
  closing.defer(() => peers.stop());
  const backups = makeBackups(base, { storage, identity });
  closing.defer(() => backups.stop());
  const services = { network, relay, directory, storage, ipfs, joining, peers, backups };
  const made = { identity, tenancy, ...services, startedAt };
  const sight = makeSight(base, made, meter);
  closing.defer(() => sight.stop());
  return { closing, ...made, sight };
}

/** Throws `twin_running`; an identity that is made now has no twin. */
async function takeIdentity(
  { config, version, logger }: Base,
  { crypto, passphrases }: { readonly crypto: Crypto; readonly passphrases: PassphraseSource },
): Promise<Identity> {
  const isNew = !existsSync(keyPath(config.data, IDENTITY_NAME));
  const identity = await loadIdentity(config.data, passphrases);
  if (!isNew) await refuseTwin({ crypto, clock: systemClock, identity, logger }, { config, version });
  return identity;
}

function makeSight(
  { config, role, version, events }: Base,
  parts: Omit<Parts, 'closing' | 'sight'>,
  meter: Meter | null,
): Sight {
  const { network, directory, tenancy, startedAt } = parts;
  return new Sight(
    {
      ...parts,
      identity: tenancy,
      operator: tenancy.operator.did,
      namespaces: tenancy.namespaces,
      meter,
      events,
      clock: systemClock,
      meshSizes: () => meshSizes(network),
      nodes: () => directory.nodes(),
    },
    { role, version, data: config.data, startedAt },
  );
}

function makeBackups(
  { config }: Base,
  { storage, identity }: { readonly storage: StorageService; readonly identity: Identity },
): Backups {
  const holdBlocks = (): Promise<() => void> => storage.blobs.pauseCollection();
  return new Backups({ clock: systemClock, holdBlocks }, { config, peerId: identity.peerId });
}

async function makeTenancy(
  { config, role }: Base,
  shared: Omit<DirectoryComponents, 'sponsorship' | 'verifyOperator'> & {
    readonly identity: Identity;
    readonly events: EventLog;
    readonly passphrases: PassphraseSource;
    readonly closing: AsyncDisposableStack;
  },
): Promise<
  Tenancy & {
    readonly authority: Authority;
    readonly verifier: ChainVerifier;
    readonly membership: Membership | null;
    readonly credentials: Credentials;
  }
> {
  const { crypto, clock, logger, identity, passphrases, closing } = shared;
  const { swarm, data } = config;
  const operated = { config, role, author: identity.author };
  const { operator, membership } = await operatorOf({ crypto, clock, logger, passphrases }, operated);
  const sponsors = { owner: operator.did, sponsored: config['storage.sponsored'] };
  const wallets = createWalletCrypto();
  closing.defer(() => wallets.stop());
  const metrics = createIdentityMetrics();
  const components = { crypto, wallets, clock, metrics };
  const verifier = createVerifier(components, swarm);
  const isRevoked: Authority['isRevoked'] = (...call) => authority.isRevoked(...call);
  const verify = noticeVerifier(verifier, { swarm, isRevoked });
  const isNamed = namingCheck({ crypto, isRevoked }, { swarm });
  const namespaces = new NamespacesService(
    { ...shared, verify, isNamed },
    { swarm, data, isSponsored: sponsorOf(sponsors) },
  );
  closing.defer(() => namespaces.stop());
  const authority = new Authority({ verifier, namespaces }, { swarm });
  const credentials = await ownCredentials({ ...components, authority }, { identity, operator, swarm });
  const registry = new SponsorRegistry({ namespaces, crypto }, { swarm });
  const terms = termsOf({ namespaces, sponsors: registry }, sponsors);
  const verifyOperator = operatorVerifier(verifier, { swarm });
  const checkChain = chainCheck({ authority, crypto, clock }, { swarm });
  const making = { crypto, clock, identity, operator, namespaces };
  const sponsorships = new SponsorshipMaker(making, { swarm, sponsored: config['storage.sponsored'] });
  const own = { operator, membership, namespaces, wallets, metrics, sponsors: registry, sponsorships };
  return { ...own, termsOf: terms, checkChain, verifier, verifyOperator, authority, credentials };
}

function makeDirectory(
  base: Base,
  components: Omit<DirectoryComponents, 'sponsorship' | 'verifyOperator'>,
  tenancy: Pick<Tenancy, 'operator' | 'verifyOperator'> & {
    /** What must have its share before this node counts as a replica. */
    readonly keeping: readonly { readonly isReady: boolean }[];
  },
): Directory {
  const { config, role, version } = base;
  const { operator, verifyOperator, keeping } = tenancy;
  const sponsorship = (): Sponsorship => sponsorshipOf(role, operator, keeping);
  const keeps = role === 'full' && config['storage.enabled'];
  return new Directory(
    { ...components, sponsorship, verifyOperator },
    {
      role,
      version,
      swarm: config.swarm,
      connectionsMax: config['connections.max'],
      storageBytes: keeps ? config['storage.capacityBytes'] : 0,
      max: config['directory.max'],
      perPrefix: config['directory.perPrefix'],
      target: config['connections.target'],
      splitLoopback: base.splitLoopback ?? false,
    },
  );
}

/** What is kept of records and blobs, and who may have it. */
function makeStorage(
  { config, role, splitLoopback = false }: Base,
  components: Omit<StorageServiceComponents, 'authorise' | 'isCurrent' | 'isOpen'> & {
    readonly namespaces: NamespacesService;
  },
  {
    authority,
    providers,
    closing,
  }: {
    readonly authority: Authority;
    readonly providers: ProviderTable;
    readonly closing: AsyncDisposableStack;
  },
): Pick<Parts, 'storage' | 'ipfs'> {
  const authorise = recordAuthoriser(authority);
  const isCurrent = recordCurrency(authority, systemClock);
  // switched off, nothing is public, whoever asks however
  const isOpen = config['ipfs.enabled'] ? opennessOf(components.namespaces) : () => false;
  const storage = new StorageService(
    { ...components, authorise, isCurrent, isOpen },
    { config, role, splitLoopback },
  );
  closing.defer(() => storage.stop());
  const ipfs = new IpfsService({ ...components, storage, providers }, { config });
  closing.defer(() => ipfs.stop());
  return { storage, ipfs };
}

function makePeers(
  { config, role }: Base,
  components: ConstructorParameters<typeof Peers>[0],
  policy: MadeNetwork['policy'],
): Peers {
  const { dialTimeoutMs } = featuresOf(config, role);
  return new Peers(components, { config, dialTimeoutMs, trust: (address) => policy.trust(address) });
}

async function makeNetwork(
  { config, role, version, logger }: Base,
  parts: Pick<Parameters<typeof createNetwork>[0], 'scoreOf' | 'onCopy' | 'registry' | 'providers'> & {
    identity: Identity;
  },
): Promise<MadeNetwork> {
  const { identity, ...rest } = parts;
  return createNetwork({
    ...rest,
    config,
    role,
    version,
    listen: role === 'full' ? await listenAddresses(config, featuresOf(config, role), logger) : [],
    logger: libp2pLogger(logger),
    privateKey: identity.privateKey,
    onFault: (what, error) => {
      logger.warn({ err: error }, `${what} does not work here and is done without`);
    },
  });
}

/** Starts the parts; of those that one could not be started with, none is left running or open. */
export async function runParts(parts: Parts, logger: Logger): Promise<void> {
  try {
    parts.sight.start();
    await parts.network.start();
    await parts.tenancy.namespaces.start();
    parts.relay.start();
    await parts.directory.start();
    await parts.storage.start();
    await parts.ipfs.start();
    await parts.joining.start();
    parts.peers.start();
  } catch (error) {
    await closeParts(parts).catch((fault: unknown) => reportUnstopped(logger, fault));
    throw error;
  }
}

/**
 * Stops the parts in reverse: the relay while there is a network to send what waits. Each is stopped whatever became of the one
 * before; what they threw is thrown in the end.
 */
export function closeParts(parts: Parts): Promise<void> {
  return parts.closing.disposeAsync();
}

function reportUnstopped(logger: Logger, error: unknown): void {
  logger.error({ err: error }, 'a part could not be stopped');
}
