import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Config, Logger, MaillonNode, Probe } from '../../node/index.ts';
import { systemClock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import type { Audit } from '../audit/interface.ts';
import type { KeyRing } from '../auth/key-ring.ts';
import { AUTH_BODY_MAX_BYTES } from '../auth/limits.ts';
import type { Build } from '../context.ts';
import { GatewayError } from '../errors.ts';
import { apiKeyRoutes } from '../http/api-keys.ts';
import { addAuditHooks } from '../http/audit-hooks.ts';
import { answerClientError, pathOf, sendError } from '../http/error-handler.ts';
import { checkHost, checkNoPage, checkOrigin, isLoopback } from '../http/guard.ts';
import { healthRoutes } from '../http/health.ts';
import { networkActRoutes, networkRoutes } from '../http/network.ts';
import { Prober } from '../http/probes.ts';
import type { Gateway } from '../interface.ts';
import {
  ADMIN_CONNECTIONS_MAX,
  ADMIN_IDLE_MS,
  HEADERS_MAX_BYTES,
  HEADERS_MAX_COUNT,
  HEADERS_TIMEOUT_MS,
} from '../limits.ts';
import { listen } from '../listen.ts';
import { maintenanceRoutes } from './storage.ts';
import { bearerCheck, loadToken } from './token.ts';
import { walletRoutes } from './wallets.ts';

/** What is scraped: a registry of prom-client. */
export interface Scraped {
  readonly contentType: string;
  metrics(): Promise<string>;
}

export interface AdminComponents {
  readonly node: MaillonNode;
  readonly logger: Logger;
  readonly registry: Scraped;
  readonly audit: Audit;
  /** What is probed beside the node. */
  readonly probes: () => readonly Probe[];
  /** API keys of the operator, where there is a gateway to use them at. Throws `not_running`. */
  readonly operatorKeys?: (() => KeyRing) | undefined;
  /** Promises to wallets, where there is a gateway to sign in at. Throws `not_running`. */
  readonly walletPromises?: (() => ReturnType<Gateway['walletPromises']>) | undefined;
}

export interface Admin {
  /** Where it listens. Empty until it has been started. */
  readonly url: string;
  /** Starts it, or does nothing when it runs. Throws `CodedError` `port_taken`. */
  start(): Promise<void>;
  /** Stops it, or does nothing. */
  stop(): Promise<void>;
}

const ROUTES =
  '/metrics, /livez, /readyz, /v1/status, /v1/network/*, /v1/storage/* and, where there is a gateway, /v1/auth/api-keys and /v1/wallets';

/** Asked without a token: whoever restarts a process that hangs has none. */
const OPEN_PATH = '/livez';

/**
 * Makes the operator's listener; nothing listens before `start`. Throws `CodedError` `unsafe_listen` for an address
 * that others can reach without a token, and `bad_token_file`.
 */
export function createAdmin(components: AdminComponents, init: { config: Config; build: Build }): Admin {
  const host = init.config['admin.host'];
  const tokenFile = init.config['admin.tokenFile'];
  if (tokenFile === '' && !isLoopback(host)) {
    throw new CodedError(
      'unsafe_listen',
      `admin.host is ${host}, which others can reach: set admin.tokenFile to a file with a token ` +
        '(it is made when missing), or admin.host to 127.0.0.1',
    );
  }
  return new AdminServer(components, { ...init, token: tokenFile === '' ? null : loadToken(tokenFile) });
}

interface AdminInit {
  readonly config: Config;
  readonly build: Build;
  readonly token: string | null;
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
        this.#url = await listen(app, this.#init.config, 'admin');
      } catch (error) {
        await app.close();
        throw error;
      }
      this.#app = app;
      this.#components.logger.info({ url: this.#url }, 'admin listener serves metrics and probes');
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
  { config, build, token }: AdminInit,
): Promise<FastifyInstance> {
  const { node, logger, registry } = components;
  const loggerInstance: FastifyBaseLogger = logger;
  const app = fastify({
    loggerInstance,
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
  addGuard(app, components.audit, { config, token });
  addAuditHooks(app, components, 'admin');

  const clock = systemClock;
  const prober = new Prober({ node, clock, others: components.probes });
  const typed = app.withTypeProvider<ZodTypeProvider>();
  healthRoutes(typed, { node, build, clock, startedAt: clock.now(), prober });
  networkRoutes(typed, { node, clock });
  networkActRoutes(typed, { node });
  maintenanceRoutes(typed, { node });
  const { operatorKeys, walletPromises } = components;
  if (operatorKeys !== undefined) apiKeyRoutes(typed, operatorKeys);
  if (walletPromises !== undefined) walletRoutes(typed, walletPromises);
  app.get('/metrics', async (_request, reply) => {
    void reply.header('content-type', registry.contentType);
    return registry.metrics();
  });
  await app.ready();
  return app;
}

/**
 * Without a token only programs of this machine may ask, and no web page through a browser here. A token says more
 * than a host name: whoever knows it may use any.
 */
function addGuard(
  app: FastifyInstance,
  audit: Audit,
  { config, token }: Pick<AdminInit, 'config' | 'token'>,
): void {
  const hosts = { allowedHosts: config['gateway.allowedHosts'], allowedOrigins: [] };
  const isBearer = token === null ? null : bearerCheck(token);
  app.addHook('onRequest', async ({ method, headers, url, socket }, reply) => {
    void reply.header('x-content-type-options', 'nosniff');
    void reply.header('cache-control', 'no-store');
    checkOrigin(headers.origin, hosts);
    checkNoPage(method, headers);
    if (isBearer === null) checkHost(headers.host, hosts);
    else if (pathOf(url) !== OPEN_PATH && !isBearer(headers.authorization)) {
      void reply.header('www-authenticate', 'Bearer');
      // not waited for: who guesses shall not find out how fast the disk is
      void audit.audit({
        event: 'admin.credential',
        outcome: 'refused',
        address: socket.remoteAddress,
        detail: { path: pathOf(url), isMissing: headers.authorization === undefined },
      });
      throw new GatewayError(
        'unauthenticated',
        'this listener asks for the token in admin.tokenFile: Authorization: Bearer',
      );
    }
  });
}
