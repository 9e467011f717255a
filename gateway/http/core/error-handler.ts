/** Every way in which a request can fail becomes one error of the published table. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../../../node/index.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import {
  type ErrorBody,
  type ErrorCode,
  type ErrorTable,
  errorBody,
  errorStatus,
  GatewayError,
} from '../../core/errors.ts';
import { HEADERS_MAX_BYTES } from '../../core/limits.ts';
import { type Issue, issueError } from '../../core/validation.ts';
import { withoutCredentials } from '../../observability/redaction.ts';

/** Answers a request that failed with whatever was thrown. */
export function sendError(
  logger: Logger,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  errors?: ErrorTable,
): FastifyReply {
  const { status, body } = describeError(logger, error, request, reply, errors);
  return reply.code(status).send(body);
}

/** Builds the answer to a failed request; logs a fault of ours and sets the headers that belong to the error. */
export function describeError(
  logger: Pick<Logger, 'error'>,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  errors?: ErrorTable,
): { status: number; body: ErrorBody } {
  const body = errorBody(translate(error, request), errors);
  if (body.code === 'internal') {
    logger.error({ err: error, method: request.method, path: loggedPath(request.url) }, 'request failed');
  }
  if (body.code === 'unauthenticated' && !reply.hasHeader('www-authenticate')) {
    void reply.header('www-authenticate', 'Bearer realm="maillon"');
  }
  if (body.retryAfter !== undefined) void reply.header('retry-after', String(body.retryAfter));
  // an answer to HEAD has no body that could name it
  if (request.method === 'HEAD') void reply.header('maillon-error', body.code);
  return { status: errorStatus(body.code, errors), body };
}

/** Paths whose rest is a key. */
const VALUE_PATH = /^\/v1\/kv\//;
/** Longer than any route without its keys. */
const PATH_MAX_LENGTH = 256;

/** The part of a URL that is logged: the query may hold a credential, and a careless client puts one into the path. */
export function loggedPath(url: string): string {
  // before it is cut: of half a token nobody could tell what it is
  return withoutCredentials(wholePath(url)).slice(0, PATH_MAX_LENGTH);
}

/** The path of a URL, as far as any route goes. */
export function pathOf(url: string): string {
  return wholePath(url).slice(0, PATH_MAX_LENGTH);
}

function wholePath(url: string): string {
  return url.split('?', 1)[0] ?? '';
}

/** Errors of the node's blobs that have another name here. */
const RENAMED: Readonly<Record<string, ErrorCode>> = { closed: 'not_running', blob_too_large: 'too_large' };

function translate(error: unknown, request: FastifyRequest): unknown {
  if (error instanceof CodedError) {
    const code = Object.hasOwn(RENAMED, error.code) ? RENAMED[error.code] : undefined;
    return code === undefined ? error : new GatewayError(code, error.message);
  }
  if (!(error instanceof Error)) return error;
  const { code, statusCode, validation } = error as Partial<FastifyError>;
  if (validation !== undefined) {
    return issueError(validation.map(fastifyIssue), 'bad_request', request.routeOptions.schema?.body);
  }
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new GatewayError('too_large', `the body may have ${request.routeOptions.bodyLimit} bytes`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new GatewayError('unsupported_media_type', `send the body as Content-Type: ${typesOf(request)}`);
    case 'FST_ERR_BAD_URL':
      if (VALUE_PATH.test(request.url))
        return new GatewayError('bad_key', 'the key must be percent-encoded UTF-8');
      return new GatewayError('bad_request', 'the URL is malformed');
    default:
  }
  // Fastify's own client errors; their texts describe the request only
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new GatewayError('bad_request', error.message);
  }
  return error;
}

/** Types a route accepts. */
function typesOf({ routeOptions }: FastifyRequest): string {
  return routeOptions.schema?.consumes?.join(' or ') ?? 'application/json';
}

/** Turns the provider's form of a zod issue back into its parts. */
function fastifyIssue(issue: NonNullable<FastifyError['validation']>[number]): Issue {
  const keys = issue.params['keys'];
  return {
    code: issue.keyword,
    path: issue.instancePath.split('/').slice(1).filter(Boolean),
    message: issue.message ?? 'malformed',
    keys: Array.isArray(keys) ? keys.map(String) : undefined,
  };
}

/** Answers what is not HTTP enough to become a request, and hangs up. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(rawResponse(errorBody(clientError(error.code))), () => socket.destroy());
}

/** A whole HTTP response, for a socket that no response object belongs to. */
export function rawResponse(body: ErrorBody): string {
  const status = errorStatus(body.code);
  const json = JSON.stringify(body);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    'X-Content-Type-Options: nosniff',
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
    `Content-Length: ${Buffer.byteLength(json)}`,
    '',
    json,
  ].join('\r\n');
}

function clientError(code: string | undefined): GatewayError {
  const known: Readonly<Record<string, [ErrorCode, string]>> = {
    HPE_HEADER_OVERFLOW: ['headers_too_large', `URL and headers may have ${HEADERS_MAX_BYTES} bytes`],
    ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'the request did not arrive in time'],
  };
  const [errorCode, message] = known[code ?? ''] ?? ['bad_request', 'not an HTTP request'];
  return new GatewayError(errorCode, message);
}
