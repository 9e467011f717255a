import { existsSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { systemClock } from '../protocols/common/clock.ts';
import type { Crypto } from '../protocols/common/crypto.ts';
import { checkRestoreFinished } from './backup/restore-stage.ts';
import type { Role } from './config/role.ts';
import type { Config } from './config/schema.ts';
import { featureAt } from './core/from-path.ts';
import { RunningFeatures, type SharedCore } from './core/running.ts';
import { lockDataDirectory } from './disk/data-lock.ts';
import { FEATURES } from './features.ts';
import { type Identity, loadIdentity } from './identity/identity.ts';
import { IDENTITY_NAME, keyPath } from './identity/keyring/names.ts';
import { type PassphraseSource, passphraseFrom } from './identity/keyring/passphrase.ts';
import { operatorOf } from './join/operator.ts';
import { NodeMonitor } from './monitor.ts';
import { capabilitiesOf } from './network/capabilities.ts';
import type { NetworkHooks } from './network/hooks.ts';
import { createNetwork, type MadeNetwork } from './network/libp2p.ts';
import { listenAddresses } from './network/listen.ts';
import type { EventLog } from './observability/events.ts';
import { libp2pLogger } from './observability/libp2p-logger.ts';
import type { Logger } from './observability/logger.ts';
import { Meter } from './observability/meter.ts';
import { createCrypto } from './runtime/crypto.ts';
import { SECTIONS } from './settings.ts';

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

/** Common inputs of the parts. */
type Base = NodeInit & { readonly logger: Logger; readonly events: EventLog };

/** The parts of a running node. */
export interface Parts {
  /** How to stop each part and close what it has open, last made first. */
  readonly closing: AsyncDisposableStack;
  readonly core: SharedCore;
  readonly features: RunningFeatures;
  readonly sight: NodeMonitor;
  readonly startedAt: number;
}

/** Takes the data directory and makes the parts; nothing runs yet. A failure leaves nothing open. */
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
  const { config, role, logger, version, splitLoopback = false } = base;
  const startedAt = systemClock.now();
  const lock = lockDataDirectory(config.data);
  closing.defer(() => lock.release());
  checkRestoreFinished(config.data);
  const meter = registry === null ? null : new Meter(registry);
  closing.defer(() => meter?.release());
  const passphrases = passphraseFrom({ file: config['identity.passphraseFile'] });
  const crypto = createCrypto();
  const identity = await takeIdentity(base, { crypto, passphrases });
  const { network, policy, keepProviders } = await makeNetwork(base, {
    identity,
    scoreOf: (peer) => features.scoreOf(peer),
    onCopy: () => hooks.onCopy(),
    ...(meter === null ? {} : { registry: meter.registry }),
  });
  const hooks: NetworkHooks = { onCopy: () => undefined, keepProviders };
  closing.defer(() => network.stop());
  const common = { crypto, clock: systemClock, logger };
  const { operator, membership } = await operatorOf(
    { ...common, passphrases },
    { config, role, author: identity.author },
  );
  const own = { config, role, version, splitLoopback, events: base.events };
  const core: SharedCore = { ...common, ...own, identity, operator, membership, network, policy, hooks };
  const added = config['features.paths'].map((path) => featureAt(path));
  const features = new RunningFeatures(core, { registry, builtIn: FEATURES, added, sections: SECTIONS });
  closing.defer(() => features.stop());
  await features.create();
  const sight = makeMonitor(core, { features, meter, startedAt });
  closing.defer(() => sight.stop());
  return { closing, core, features, sight, startedAt };
}

/** Throws `twin_running`; an identity that is made now has no twin. */
async function takeIdentity(
  { config, version, logger }: Base,
  { crypto, passphrases }: { readonly crypto: Crypto; readonly passphrases: PassphraseSource },
): Promise<Identity> {
  const isNew = !existsSync(keyPath(config.data, IDENTITY_NAME));
  const identity = await loadIdentity(config.data, passphrases);
  if (isNew) return identity;
  const { refuseTwin } = await import('./backup/twin.ts');
  await refuseTwin({ crypto, clock: systemClock, identity, logger }, { config, version });
  return identity;
}

function makeMonitor(
  { config, role, version, network, clock, events }: SharedCore,
  {
    features,
    meter,
    startedAt,
  }: {
    readonly features: RunningFeatures;
    readonly meter: Meter | null;
    readonly startedAt: number;
  },
): NodeMonitor {
  // blocks of blobs are a file each, which the catalogue counts
  const counted = {
    path: 'storage/blobs/blocks',
    bytes: () => features.services.storage?.blobs.usage().bytes ?? 0,
  };
  return new NodeMonitor(
    { network, clock, events, meter, counted },
    { role, version, data: config.data, startedAt },
  );
}

async function makeNetwork(
  { config, role, version, logger }: Base,
  parts: Pick<Parameters<typeof createNetwork>[0], 'scoreOf' | 'onCopy' | 'registry'> & {
    identity: Identity;
  },
): Promise<MadeNetwork> {
  const { identity, ...rest } = parts;
  return createNetwork({
    ...rest,
    config,
    role,
    version,
    listen: role === 'full' ? await listenAddresses(config, capabilitiesOf(config, role), logger) : [],
    logger: libp2pLogger(logger),
    privateKey: identity.privateKey,
    onFault: (what, error) => {
      logger.warn({ err: error }, `${what} does not work here and is done without`);
    },
  });
}

/** Starts the parts; where one does not start, none is left running or open. */
export async function runParts(parts: Parts, logger: Logger): Promise<void> {
  try {
    parts.sight.start();
    await parts.core.network.start();
    await parts.features.start();
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
