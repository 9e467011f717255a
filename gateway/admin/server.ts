import { type FastifyInstance, fastify, LogController } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Config, Logger, MaillonNode, Probe } from '../../node/index.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import type { Audit } from '../audit/interface.ts';
import { AUTH_BODY_MAX_BYTES } from '../auth/limits.ts';
import type { Build } from '../core/build.ts';
import { GatewayError } from '../core/errors.ts';
import {
  ADMIN_CONNECTIONS_MAX,
  ADMIN_IDLE_MS,
  HEADERS_MAX_BYTES,
  HEADERS_MAX_COUNT,
  HEADERS_TIMEOUT_MS,
} from '../core/limits.ts';
import { healthRoutes } from '../http/admin/health.ts';
import { apiKeyRoutes } from '../http/auth/api-keys.ts';
import { addAuditHooks } from '../http/core/audit-hooks.ts';
import { answerClientError, sendError } from '../http/core/error-handler.ts';
import { libraryLogger, listen } from '../http/core/listen.ts';
import { Prober } from '../http/core/probes.ts';
import { refuseUnknownParameters } from '../http/core/query-parameters.ts';
import { directoryRoutes } from '../http/directory/network.ts';
import type { Gateway } from '../interface.ts';
import { isLoopback } from '../protection/guard.ts';
import { backupRoutes } from './backup.ts';
import { featuresRoutes, type ThirdParty } from './features.ts';
import { addAdminGuard } from './guard.ts';
import { membersRoutes } from './members.ts';
import { maintenanceRoutes } from './storage.ts';
import { loadToken, tokenFileOf } from './token.ts';
import { walletRoutes } from './wallets.ts';

/** A metrics source: a registry of prom-client. */
export interface Scraped {
  readonly contentType: string;
  metrics(): Promise<string>;
}

export interface AdminComponents {
  readonly node: MaillonNode;
  readonly logger: Logger;
  readonly registry: Scraped;
  readonly audit: Audit;
  /** Probes besides the node's. */
  readonly probes: () => readonly Probe[];
  /** Where there is one, for API keys of the operator and for what wallets are promised. */
  readonly gateway?: Pick<Gateway, 'operatorKeys' | 'identify' | 'walletPromises'> | null | undefined;
  /** Loads and unloads features of third parties; without it nobody does. */
  readonly thirdParty?: ThirdParty;
}

export interface Admin {
  /** Where it listens. Empty until it has been started. */
  readonly url: string;
  /** Starts the listener unless it runs; makes a missing token. Throws `CodedError` `port_taken`, `bad_token_file`. */
  start(): Promise<void>;
  /** Stops it, or does nothing. */
  stop(): Promise<void>;
}

const ROUTES =
  '/metrics, /livez, /readyz, /v1/status, /v1/network/*, /v1/storage/*, /v1/backup, /v1/members, /v1/features and, where there is a gateway, /v1/auth/api-keys and /v1/wallets';

/**
 * Makes the operator's listener; nothing listens before `start`. Throws `CodedError` `unsafe_listen` for an address
 * that others can reach without a token.
 */
export function createAdmin(components: AdminComponents, init: { config: Config; build: Build }): Admin {
  const host = init.config['admin.host'];
  if (init.config['admin.tokenFile'] === '' && !isLoopback(host)) {
    throw new CodedError(
      'unsafe_listen',
      `admin.host is ${host}, which others can reach: set admin.tokenFile to a file with a token ` +
        '(it is made when missing), or admin.host to 127.0.0.1',
    );
  }
  return new AdminServer(components, init);
}

interface AdminInit {
  readonly config: Config;
  readonly build: Build;
}

class AdminServer implements Admin {
  readonly #components: AdminComponents;
  readonly #init: AdminInit;
  #url = '';
  #app: FastifyInstance | null = null;
  /** The last start or stop: one happens after the other. */
  #transition: Promise<void> = Promise.resolve();

  constructor(components: AdminComponents, init: AdminInit) {
    this.#components = components;
    this.#init = init;
  }

  get url(): string {
    return this.#url;
  }

  start(): Promise<void> {
    return this.#next(async () => {
      if (this.#app !== null) return;
      const app = await createAdminApp(this.#components, this.#init);
      try {
        this.#url = await listen({ app, logger: this.#components.logger }, this.#init.config, 'admin');
      } catch (error) {
        await app.close();
        throw error;
      }
      this.#app = app;
      // whoever starts it says where, after the gateway's URL: that one is what users want
      this.#components.logger.debug({ url: this.#url }, 'admin listener serves metrics and probes');
    });
  }

  stop(): Promise<void> {
    return this.#next(async () => {
      const app = this.#app;
      this.#app = null;
      await app?.close();
    });
  }

  #next(act: () => Promise<void>): Promise<void> {
    this.#transition = this.#transition.then(act, act);
    return this.#transition;
  }
}

async function createAdminApp(
  components: AdminComponents,
  { config, build }: AdminInit,
): Promise<FastifyInstance> {
  const { node, logger, registry, gateway } = components;
  const token = loadToken(tokenFileOf(config));
  const app = fastify({
    loggerInstance: libraryLogger(logger),
    logController: new LogController({ disableRequestLogging: true }),
    // an archive takes as long as it takes
    requestTimeout: 0,
    connectionTimeout: ADMIN_IDLE_MS,
    bodyLimit: AUTH_BODY_MAX_BYTES,
    forceCloseConnections: true,
    http: { maxHeaderSize: HEADERS_MAX_BYTES, headersTimeout: HEADERS_TIMEOUT_MS },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => void sendError(logger, error, request, reply),
  });
  app.server.maxConnections = ADMIN_CONNECTIONS_MAX;
  app.server.maxHeadersCount = HEADERS_MAX_COUNT;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, request, reply) => sendError(logger, error, request, reply));
  app.setNotFoundHandler(async () => {
    throw new GatewayError('not_found', `the admin listener has ${ROUTES}`);
  });
  app.removeContentTypeParser('text/plain');
  addAdminGuard(app, components, { config, token });
  refuseUnknownParameters(app);
  addAuditHooks(app, components, 'admin');

  const clock = systemClock;
  const prober = new Prober({ node, clock, others: components.probes });
  const typed = app.withTypeProvider<ZodTypeProvider>();
  healthRoutes(typed, { node, build, clock, startedAt: clock.now(), prober, isOperator: () => true });
  directoryRoutes(typed, { node, clock });
  maintenanceRoutes(typed, { node });
  backupRoutes(typed, { node, data: config.data });
  membersRoutes(typed, { node });
  if (components.thirdParty !== undefined) featuresRoutes(typed, { thirdParty: components.thirdParty });
  if (gateway !== null && gateway !== undefined) {
    apiKeyRoutes(typed, () => gateway.operatorKeys());
    walletRoutes(typed, () => gateway.walletPromises());
  }
  app.get('/metrics', async (_request, reply) => {
    void reply.header('content-type', registry.contentType);
    return registry.metrics();
  });
  await app.ready();
  return app;
}
