/** Signing in with a wallet, as DeBros clients do, and what a session is continued and ended with. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { CodedError } from '../../../protocols/common/errors.ts';
import { SCOPES } from '../../auth/api-keys.ts';
import { describeDelegation, scopesOf } from '../../auth/delegations.ts';
import { credentialsOf, type HeldPrincipal } from '../../auth/identity.ts';
import { AUTH_BODY_MAX_BYTES } from '../../auth/limits.ts';
import { publicKeyOf } from '../../auth/public-key.ts';
import type { Ending, OpenedSession, Session } from '../../auth/sessions.ts';
import type { IssuedToken } from '../../auth/tokens.ts';
import { bareAddress, parseWallet, verifySignature, type Wallet } from '../../auth/wallets.ts';
import { GatewayError } from '../../core/errors.ts';
import { DEFAULT_NAMESPACE, errorResponses } from '../../core/schemas.ts';
import { parseJson } from '../core/body.ts';
import { isoTime } from '../core/go-time.ts';
import { missingCredential } from '../core/reading.ts';
import type { Routes } from '../core/routes.ts';
import { apiKeyRoutes, keyRings } from './api-keys.ts';
import { appRoutes } from './apps.ts';
import type { AuthContext } from './context.ts';
import { loginRoute } from './login.ts';
import {
  apiKeyAnswer,
  apiKeyBody,
  challengeAnswer,
  challengeBody,
  jwksAnswer,
  logoutAnswer,
  logoutBody,
  type ProofBody,
  refreshAnswer,
  refreshBody,
  registerAnswer,
  registerBody,
  tokenAnswer,
  verifyAnswer,
  verifyBody,
  whoamiAnswer,
} from './schemas.ts';
import { askSignIn } from './siwx.ts';
import { ticketRoutes } from './tickets.ts';

type Headers = FastifyRequest['headers'];

const tags = ['auth'];
/** Asked by whoever has no credential yet, or an old one. */
const open = { config: { isOpen: true }, bodyLimit: AUTH_BODY_MAX_BYTES };
/** Answers with tokens, and what depends on who asks. */
const NEVER_KEPT = { 'cache-control': 'no-store' };
const JWKS_MAX_AGE_S = 300;

export async function authRoutes(app: Routes, context: AuthContext): Promise<void> {
  await app.register(async (scope: FastifyInstance) => {
    acceptEmptyJson(scope);
    scope.addHook('onRequest', async (_request, reply) => {
      void reply.headers(NEVER_KEPT);
    });
    const typed = scope.withTypeProvider<ZodTypeProvider>();
    signInRoutes(typed, context);
    proofRoutes(typed, context);
    sessionRoutes(typed, context);
    whoRoutes(typed, context);
    keySetRoutes(typed, context);
    apiKeyRoutes(typed, keyRings(context));
    appRoutes(typed, context);
    ticketRoutes(typed, context);
    loginRoute(typed, context);
  });
}

/** Some clients say that they send JSON and send nothing. */
function acceptEmptyJson(app: FastifyInstance): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => (body.byteLength === 0 ? undefined : parseJson(body)),
  );
}

function signInRoutes(app: Routes, { auth, node }: AuthContext): void {
  const challengeSchema = {
    summary: 'A nonce, or a message with one, for a wallet to sign',
    operationId: 'challenge',
    tags,
    body: challengeBody,
    response: { 200: challengeAnswer, ...errorResponses },
  };
  app.post('/v1/auth/challenge', { ...open, schema: challengeSchema }, async ({ body, headers }) => {
    const { wallet, purpose, namespace, type } = body;
    if (type === 'siwx') return askSignIn({ auth }, body, headers.host ?? '');
    const { did } = parseWallet(wallet);
    const { nonce, endsAt } = auth.nonces.issue({ did, namespace });
    return { wallet, namespace, nonce, purpose: purpose ?? '', expires_at: isoTime(endsAt) };
  });

  const verifySchema = {
    summary: 'Sign in with a nonce, or a message, that the wallet signed',
    operationId: 'verify',
    tags,
    body: verifyBody,
    response: { 200: verifyAnswer, ...errorResponses },
  };
  app.post('/v1/auth/verify', { ...open, schema: verifySchema }, async ({ body, headers }) => {
    if (body.kind === 'message') return verifyMessage({ auth }, body, headers.host ?? '');
    const { did, address } = await checkProof({ auth, node }, body);
    const { nonce, namespace } = body;
    const holder = { did, subject: address, namespace };
    const session = await auth.sessions.open(nonce, { ...holder, delegation: null });
    const apiKey = await auth.apiKeys.ofSignIn(holder);
    return { ...(await opened(auth, session)), nonce, api_key: apiKey };
  });
}

async function verifyMessage(
  { auth }: Pick<AuthContext, 'auth'>,
  body: Extract<z.output<typeof verifyBody>, { kind: 'message' }>,
  host: string,
): Promise<z.output<typeof verifyAnswer>> {
  const { message, signature, namespace, chain_type: chainType } = body;
  const signed = { message, signature, chainType: chainType ?? undefined, host };
  const { holder, nonce, shownNonce, delegation } = await auth.signIns.check(signed);
  if (namespace !== undefined && namespace !== holder.namespace) {
    throw new GatewayError('namespace_mismatch', 'the message is about another namespace');
  }
  const session = await auth.sessions.open(nonce, { ...holder, delegation });
  // all nodes know of it before the wallet stores something; a lack of room is reported with that write
  await auth.promises.keep(holder, delegation).catch((error: unknown) => {
    if (!(error instanceof CodedError)) throw error;
  });
  const { custody } = delegation;
  const { link } = describeDelegation(delegation);
  return { ...(await opened(auth, session)), nonce: shownNonce, custody, delegation: link };
}

/** The answer to a completed sign-in. */
async function opened(auth: AuthContext['auth'], session: OpenedSession) {
  const { token, expiresInSeconds } = await accessToken(auth, session);
  const { subject, namespace, refreshToken } = session;
  return {
    access_token: token,
    token_type: 'Bearer' as const,
    expires_in: expiresInSeconds,
    refresh_token: refreshToken,
    subject,
    namespace,
    signature_verified: true as const,
  };
}

/** Routes for a wallet's signature without a session. */
function proofRoutes(app: Routes, { auth, node }: AuthContext): void {
  const registerSchema = {
    summary: 'Register an app of a wallet',
    operationId: 'register',
    tags,
    body: registerBody,
    response: { 201: registerAnswer, ...errorResponses },
  };
  app.post('/v1/auth/register', { ...open, schema: registerSchema }, async ({ body }, reply) => {
    const wallet = await checkProof({ auth, node }, body);
    const { nonce, namespace, name } = body;
    const publicKey = publicKeyOf(wallet, nonce, body.signature);
    const holder = { did: wallet.did, subject: wallet.address, namespace };
    const { id } = await auth.apps.create(holder, { name, publicKey }, nonce);
    const described = { app_id: id, name, public_key: publicKey, namespace, wallet: bareAddress(wallet) };
    return reply.code(201).send({ client_id: id, app: described, signature_verified: true });
  });

  const apiKeySchema = {
    summary: 'The API key of a wallet',
    operationId: 'apiKey',
    tags,
    body: apiKeyBody,
    response: { 200: apiKeyAnswer, ...errorResponses },
  };
  app.post('/v1/auth/api-key', { ...open, schema: apiKeySchema }, async ({ body }) => {
    const wallet = await checkProof({ auth, node }, body);
    const { nonce, namespace } = body;
    const holder = { did: wallet.did, subject: wallet.address, namespace };
    const apiKey = await auth.apiKeys.ofSignIn(holder, nonce);
    return { api_key: apiKey, namespace, plan: 'free' as const, wallet: bareAddress(wallet) };
  });
}

function sessionRoutes(app: Routes, { auth }: AuthContext): void {
  const refreshSchema = {
    summary:
      'Continue a session: with its refresh token, which is used up, or with an access token that is good',
    operationId: 'refresh',
    tags,
    body: refreshBody,
    response: { 200: refreshAnswer, ...errorResponses },
  };
  app.post('/v1/auth/refresh', { ...open, schema: refreshSchema }, async ({ body, headers }) => {
    const { refresh_token: given, namespace } = body ?? {};
    if (given !== undefined && given !== null && given !== '') {
      const session = await auth.sessions.refresh(given, namespace);
      return refreshed(await accessToken(auth, session), session, session.refreshToken);
    }
    const session = await sessionOf(auth, headers);
    if (session === null) throw new GatewayError('bad_request', 'missing refresh_token');
    if (namespace !== undefined && namespace !== session.namespace) {
      throw new GatewayError('namespace_mismatch', 'namespace mismatch');
    }
    return refreshed(await accessToken(auth, session), session);
  });

  const logoutSchema = {
    summary:
      'End the session of a refresh token, or with all: true every session of the wallet; within a delegation, those within one for its namespace',
    operationId: 'logout',
    tags,
    body: logoutBody,
    response: { 200: logoutAnswer, ...errorResponses },
  };
  app.post('/v1/auth/logout', { ...open, schema: logoutSchema }, async ({ body, headers }) => {
    const { refresh_token: given, namespace, all } = body ?? {};
    if (all === true) {
      const principal = await bearerOf(auth, headers).catch(() => null);
      // nor with a token that an API key was given: one that leaked, for reading in one namespace, would end all sessions
      if (principal?.kind !== 'session' || !principal.isOfWallet) {
        throw new GatewayError('unauthenticated', 'jwt required for all=true');
      }
      await auth.sessions.endAll(principal.did, endedBy(principal, namespace));
      auth.authenticator.forget(principal.did);
      return { status: 'ok' as const, revoked: 'all' as const };
    }
    if (given === undefined || given === null || given === '') {
      throw new GatewayError('bad_request', 'nothing to revoke: refresh_token or all=true');
    }
    const ended = await auth.sessions.end(given, namespace);
    // whether there was such a token is nobody's business
    if (ended !== null) auth.authenticator.forget(ended.did);
    return { status: 'ok' as const, revoked: 1 as const };
  });
}

function whoRoutes(app: Routes, { auth }: AuthContext): void {
  const whoamiSchema = {
    summary: 'Who the credential of this request stands for',
    operationId: 'whoami',
    tags,
    response: { 200: whoamiAnswer, ...errorResponses },
  };
  // who may neither read nor write may know who he is
  const whoami = { config: { needs: 'account' as const }, schema: whoamiSchema };
  app.get('/v1/auth/whoami', whoami, async ({ principal }) => describe(principal));

  const tokenSchema = {
    summary: 'An access token for an API key',
    operationId: 'token',
    tags,
    response: { 200: tokenAnswer, ...errorResponses },
  };
  const options = { config: { needs: 'account' as const }, schema: tokenSchema };
  app.post('/v1/auth/token', options, async ({ principal }) => {
    if (principal.kind !== 'api_key') throw new GatewayError('unauthenticated', 'missing API key');
    const { did, subject, namespace, scopes, keyId } = principal;
    const { token, expiresInSeconds } = await auth.tokens.issue({
      sub: subject,
      did,
      namespace,
      origin: keyId,
      scope: scopes.join(' '),
    });
    return {
      access_token: token,
      token_type: 'Bearer' as const,
      expires_in: expiresInSeconds,
      namespace,
    };
  });
}

function keySetRoutes(app: Routes, { auth }: AuthContext): void {
  for (const url of ['/v1/auth/jwks', '/.well-known/jwks.json']) {
    const schema = {
      summary: 'Public keys of the access tokens (RFC 7517)',
      tags,
      response: { 200: jwksAnswer, ...errorResponses },
    };
    app.get(url, { ...open, schema }, async (_request, reply) => {
      void reply.header('cache-control', `public, max-age=${JWKS_MAX_AGE_S}`);
      return { keys: await auth.keys.published() };
    });
  }
}

/** The wallet whose signature over a good nonce `proof` has. Throws; the nonce is not used up. */
async function checkProof(
  { auth, node }: Pick<AuthContext, 'auth' | 'node'>,
  proof: ProofBody,
): Promise<Wallet> {
  const { nonce, signature, namespace } = proof;
  const wallet = parseWallet(proof.wallet, proof.chain_type ?? undefined);
  auth.nonces.check(nonce, { did: wallet.did, namespace });
  if (await verifySignature(node, { wallet, message: nonce, signature })) return wallet;
  throw new GatewayError('unauthenticated', 'signature does not match wallet');
}

function accessToken(auth: AuthContext['auth'], session: Session): Promise<IssuedToken> {
  const { id, did, subject, namespace, delegation } = session;
  const scopes = delegation === null ? SCOPES : scopesOf(delegation);
  const custody = delegation === null ? {} : { custody: delegation.custody };
  return auth.tokens.issue({ sub: subject, did, namespace, origin: id, scope: scopes.join(' '), ...custody });
}

function refreshed(
  { token, expiresInSeconds }: IssuedToken,
  { subject, namespace }: Session,
  refreshToken?: string,
): z.output<typeof refreshAnswer> {
  return {
    access_token: token,
    token,
    token_type: 'Bearer',
    expires_in: expiresInSeconds,
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    subject,
    namespace,
  };
}

/** Which sessions of its wallet a principal ends: who acts within a delegation, those within one, for the same namespace. Throws. */
function endedBy({ delegation, namespace: own }: HeldPrincipal, namespace: string | undefined): Ending {
  if (delegation === null) return { namespace };
  if (namespace === undefined || namespace === own) return { namespace: own, isDelegated: true };
  throw new GatewayError(
    'namespace_mismatch',
    'a session within a delegation ends those of its own namespace',
  );
}

function bearerOf(auth: AuthContext['auth'], headers: Headers): Promise<HeldPrincipal | null> {
  return auth.authenticator.identify(credentialsOf(headers));
}

/** The session that the request's access token belongs to; null when it has none. Throws `unauthenticated` for one that has ended. */
async function sessionOf(auth: AuthContext['auth'], headers: Headers): Promise<Session | null> {
  const principal = await bearerOf(auth, headers);
  if (principal?.kind !== 'session') return null;
  const session = await auth.sessions.find(principal.claims.origin);
  if (session === null) throw new GatewayError('unauthenticated', 'the session has ended: sign in again');
  return session;
}

function describe(principal: FastifyRequest['principal']): z.output<typeof whoamiAnswer> {
  if (principal.kind === 'anonymous') throw missingCredential(principal);
  if (principal.kind === 'operator') {
    return { authenticated: true, method: 'operator', namespace: DEFAULT_NAMESPACE };
  }
  const { namespace, custody, delegation } = principal;
  if (principal.kind === 'api_key') return { authenticated: true, method: 'api_key', namespace, custody };
  const { iss, sub, aud, iat, nbf, exp } = principal.claims;
  return {
    authenticated: true,
    method: 'jwt',
    subject: sub,
    issuer: iss,
    audience: aud,
    issued_at: iat,
    not_before: nbf,
    expires_at: exp,
    namespace,
    custody,
    ...(delegation === null ? {} : { delegation: describeDelegation(delegation) }),
  };
}
