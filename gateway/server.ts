import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { Config, Logger, MaillonNode, Probe, Relay, Storage } from '../node/index.ts';
import { systemClock } from '../protocols/common/clock.ts';
import { CodedError, errorMessage } from '../protocols/common/errors.ts';
import type { Audit } from './audit/interface.ts';
import type { ApiKeyRing } from './auth/api-key-ring.ts';
import { credentialsOf, type HeldPrincipal } from './auth/identity.ts';
import { type Auth, createAuth } from './auth/index.ts';
import { STANDING_CHECK_MS, STATE_PATIENCE_MS, SWEEP_INTERVAL_MS } from './auth/limits.ts';
import type { WalletPromises } from './auth/wallet-promises.ts';
import type { Build } from './core/build.ts';
import { EndOfTurn } from './core/end-of-turn.ts';
import type { Events } from './core/events.ts';
import {
  IDEMPOTENCY_KEYS_MAX,
  IDEMPOTENCY_KEYS_PER_NAMESPACE,
  IDEMPOTENCY_WINDOW_MS,
  SSE_HEARTBEAT_MS,
  STOP_CLOSE_TIMEOUT_MS,
} from './core/limits.ts';
import { Tenants } from './core/tenants.ts';
import { Clients } from './delivery/clients.ts';
import { CredentialWatch } from './delivery/credential-watch.ts';
import { Hub } from './delivery/hub.ts';
import { GATEWAY_FEATURES } from './features.ts';
import { createApp } from './http/app.ts';
import type { Context } from './http/core/context.ts';
import type { GatewayFeature } from './http/core/feature.ts';
import { IdempotencyKeys } from './http/core/idempotency.ts';
import { listen, urlsOf } from './http/core/listen.ts';
import { probeGateway } from './http/core/probes.ts';
import type { Gateway, GatewayComponents } from './interface.ts';
import { createGatewayMetrics } from './observability/metrics.ts';
import { ClientLimits } from './protection/client-limits.ts';
import { tlsFilesOf } from './protection/tls-files.ts';
import { isShared } from './state/index.ts';
import { PresenceBoard } from './ws/presence.ts';

/** State of a running gateway. */
interface Running {
  readonly app: FastifyInstance;
  readonly auth: Auth;
  readonly clients: Clients;
  readonly controller: AbortController;
  readonly heartbeat: NodeJS.Timeout;
  readonly sweep: NodeJS.Timeout;
  readonly watch: CredentialWatch;
  /** Every connection: an upgraded one is not the HTTP server's any more when it closes the others. */
  readonly sockets: ReadonlySet<Socket>;
  readonly reload: () => void;
  /** Looks no longer whether the files of TLS change. */
  readonly unfollow: (() => void) | undefined;
}

export class GatewayServer implements Gateway {
  readonly metrics = createGatewayMetrics();
  readonly #node: MaillonNode;
  readonly #relay: Relay;
  readonly #storage: Storage;
  readonly #tenants: Tenants;
  readonly #logger: Logger;
  readonly #config: Config;
  readonly #build: Build;
  readonly #idempotency: Context['idempotency'];
  readonly #events: Events;
  readonly #rates: ClientLimits;
  readonly #audit: Audit;
  readonly #onAnswered: Context['onAnswered'];
  /** Features of third parties. */
  #added: readonly GatewayFeature[];
  #url = '';
  #running: Running | undefined;
  /** The last start or stop: one happens after the other. */
  #transition: Promise<void> = Promise.resolve();

  constructor(components: GatewayComponents, init: { config: Config; build: Build }) {
    this.#node = components.node;
    this.#tenants = new Tenants({ owner: () => components.node.owner });
    this.#relay = this.#tenants.relay(components.node.relay);
    this.#storage = components.storage ?? this.#tenants.storage(components.node.storage);
    this.#logger = components.logger;
    this.#events = components.events ?? onlyLogged(components.logger);
    this.#audit = components.audit ?? { fault: null, audit: async () => undefined };
    this.#onAnswered = components.onAnswered;
    this.#added = components.features ?? [];
    this.#config = init.config;
    this.#build = init.build;
    this.#rates = new ClientLimits({ clock: systemClock, metrics: this.metrics }, { config: init.config });
    // outlives a restart of the gateway: a retry may come right after it
    this.#idempotency = new IdempotencyKeys(
      { clock: systemClock },
      {
        windowMs: IDEMPOTENCY_WINDOW_MS,
        maxKeys: IDEMPOTENCY_KEYS_MAX,
        maxKeysPerScope: IDEMPOTENCY_KEYS_PER_NAMESPACE,
      },
    );
  }

  get url(): string {
    return this.#url;
  }

  get urls(): readonly string[] {
    return this.#url === '' ? [] : urlsOf(this.#url, this.#config);
  }

  probe(): Probe[] {
    if (this.#running === undefined) return [{ name: 'gateway', ok: false, detail: 'it does not run' }];
    const { auth, clients, controller } = this.#running;
    return probeGateway({
      audit: this.#audit,
      auth,
      clients,
      config: this.#config,
      stopping: controller.signal,
    });
  }

  operatorKeys(): ApiKeyRing {
    return this.#auth().operatorKeys();
  }

  async identify(headers: IncomingHttpHeaders): Promise<HeldPrincipal | null> {
    return this.#auth().authenticator.identify(credentialsOf(headers));
  }

  #auth(): Auth {
    if (this.#running === undefined) throw new CodedError('not_running', 'the gateway is not running');
    return this.#running.auth;
  }

  walletPromises(): Pick<WalletPromises, 'usage' | 'end'> {
    if (this.#running === undefined) throw new CodedError('not_running', 'the gateway is not running');
    return this.#running.auth.promises;
  }

  reload(): void {
    this.#running?.reload();
  }

  async setFeatures(features: readonly GatewayFeature[]): Promise<void> {
    return this.#next(async () => {
      const former = this.#added;
      this.#added = features;
      if (this.#running === undefined) return;
      // clients find it where it was
      const { port: written, protocol } = new URL(this.#url);
      const port = Number(written) || (protocol === 'https:' ? 443 : 80);
      const explicit = new Set([...this.#config.explicit, 'gateway.port']);
      const where = { ...this.#config, 'gateway.port': port, explicit };
      await this.#stop();
      try {
        await this.#start(where);
      } catch (error) {
        this.#added = former;
        await this.#start(where);
        throw error;
      }
    });
  }

  async start(): Promise<void> {
    return this.#next(() => this.#start());
  }

  async stop(): Promise<void> {
    return this.#next(() => this.#stop());
  }

  async #next(act: () => Promise<void>): Promise<void> {
    this.#transition = this.#transition.then(act, act);
    return this.#transition;
  }

  /** Those that are on; a third party's while the node has it. */
  #features(): readonly GatewayFeature[] {
    const added = this.#added.filter(({ name }) => this.#node.hasFeature(name));
    return [...GATEWAY_FEATURES, ...added].filter(({ isOn }) => isOn?.(this.#node) ?? true);
  }

  /** `where`: settings of the address. */
  async #start(where = this.#config): Promise<void> {
    if (this.#running !== undefined) return;
    const clients = new Clients({ max: this.#config['gateway.clientsMax'] });
    const controller = new AbortController();
    const turn = new EndOfTurn();
    const auth = await this.#openAuth();
    const tls = tlsFilesOf({ logger: this.#logger }, this.#config);
    const context: Context = {
      node: this.#node,
      relay: this.#relay,
      storage: this.#storage,
      tenants: this.#tenants,
      auth,
      logger: this.#logger,
      events: this.#events,
      config: this.#config,
      build: this.#build,
      clock: systemClock,
      startedAt: systemClock.now(),
      hub: new Hub({ relay: this.#relay, turn, metrics: this.metrics }),
      turn,
      clients,
      idempotency: this.#idempotency,
      presence: new PresenceBoard({ clock: systemClock }),
      metrics: this.metrics,
      rates: this.#rates,
      audit: this.#audit,
      onAnswered: this.#onAnswered,
      stopping: controller.signal,
    };
    const made = createApp(context, { tls: tls?.read() ?? null, features: this.#features() });
    const app = await made.catch(async (error: unknown) => {
      await auth.state.close();
      throw error;
    });
    const sockets = collectSockets(app);
    try {
      this.#url = await listen({ app, logger: this.#logger }, where);
    } catch (error) {
      await app.close();
      await auth.state.close();
      throw error;
    }
    const heartbeat = setInterval(() => {
      for (const client of clients) client.beat();
    }, SSE_HEARTBEAT_MS);
    const tlsServer = app.server instanceof TlsServer ? app.server : null;
    const unfollow = tlsServer === null ? undefined : tls?.follow(tlsServer);
    const reload = (): void => {
      if (tlsServer !== null) tls?.reload(tlsServer);
    };
    const sweep = setInterval(() => {
      auth.sweep().catch((error: unknown) => {
        this.#logger.warn(
          { reason: errorMessage(error) },
          'ended sign-ins were not deleted; tried again later',
        );
      });
    }, SWEEP_INTERVAL_MS);
    const watch = new CredentialWatch(
      { clients, standings: auth.standings, authenticator: auth.authenticator, logger: this.#logger },
      { intervalMs: STANDING_CHECK_MS },
    );
    watch.start();
    this.#running = { app, auth, clients, controller, heartbeat, sweep, watch, sockets, reload, unfollow };
    this.#logger.info({ urls: this.urls }, 'gateway listens');
    const { version } = this.#build;
    await this.#audit.audit({ event: 'gateway.start', outcome: 'ok', detail: { url: this.#url, version } });
  }

  /** A cluster that cannot be asked keeps nobody out who needs no sign-in; a file that cannot be used is a fault of this machine. */
  async #openAuth(): Promise<Auth> {
    const components = { node: this.#node, tenants: this.#tenants, logger: this.#logger, clock: systemClock };
    const auth = createAuth(components, this.#config);
    const prepared = auth.state.prepare().catch((error: unknown) => {
      const isAway = error instanceof CodedError && error.code === 'state_unavailable';
      if (!isAway || !isShared(this.#config)) throw error;
      this.#logger.warn(
        { reason: auth.state.fault },
        'nobody can sign in until gateway.state can be reached',
      );
    });
    const patience = new AbortController();
    try {
      const { signal } = patience;
      await Promise.race([prepared, wait(STATE_PATIENCE_MS, undefined, { signal }).catch(() => undefined)]);
      // what comes later is said by /readyz and to whoever signs in
      prepared.catch(() => undefined);
    } catch (error) {
      await auth.state.close();
      throw error;
    } finally {
      patience.abort();
    }
    return auth;
  }

  async #stop(): Promise<void> {
    if (this.#running === undefined) return;
    const { app, auth, clients, controller, heartbeat, sweep, watch, sockets, unfollow } = this.#running;
    this.#running = undefined;
    unfollow?.();
    clearInterval(heartbeat);
    clearInterval(sweep);
    // in this order: nothing new, then those who stream, then whatever else is open
    controller.abort();
    await clients.goAway(STOP_CLOSE_TIMEOUT_MS);
    const closed = app.close();
    for (const socket of sockets) socket.destroy();
    await closed;
    await Promise.all([auth.state.close(), watch.stop()]);
    this.#logger.info('gateway stopped');
    await this.#audit.audit({ event: 'gateway.stop', outcome: 'ok' });
  }
}

function onlyLogged(logger: Logger): Events {
  return { report: (event, detail) => logger.info({ event, ...detail }, 'something happened to a client') };
}

function collectSockets(app: FastifyInstance): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return sockets;
}
