/**
 * Checks who may ask: a web page of another site must not reach a gateway on its visitor's own machine, neither by its Origin nor
 * by a host name that it lets point here (DNS rebinding).
 */
import { GatewayError } from '../core/errors.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
const HOST = /^(?<name>\[[0-9a-f:.]+\]|[^:[\]]+)(?<port>:\d{1,5})?$/;

export interface GuardInit {
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

/** Whether an address means this machine only. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host.includes(':') && !host.startsWith('[') ? `[${host}]` : host);
}

/** Whether a Host header names this machine only. */
export function isLoopbackHost(host: string | undefined): boolean {
  const name = HOST.exec(host?.toLowerCase() ?? '')?.groups?.['name'];
  return name !== undefined && LOOPBACK.test(name);
}

/** Throws `foreign_host` unless the Host header is a loopback one or allowed, with any port or with that named. */
export function checkHost(host: string | undefined, init: GuardInit): void {
  if (isLoopbackHost(host)) return;
  const lower = host?.toLowerCase() ?? '';
  const name = HOST.exec(lower)?.groups?.['name'];
  if (
    name !== undefined &&
    init.allowedHosts.some((allowed) => allowed.toLowerCase() === name || allowed.toLowerCase() === lower)
  ) {
    return;
  }
  throw new GatewayError(
    'foreign_host',
    'this gateway does not answer to that host name; see gateway.allowedHosts',
  );
}

/** Throws `foreign_origin` unless there is no Origin header, or it is a loopback one or allowed. */
export function checkOrigin(origin: string | undefined, init: GuardInit): void {
  if (origin === undefined || init.allowedOrigins.includes(origin) || isLoopbackOrigin(origin)) return;
  throw new GatewayError(
    'foreign_origin',
    'pages of that origin may not use this gateway; see gateway.allowedOrigins',
  );
}

/**
 * Throws `foreign_origin` for a request that changes something and that a browser says another site's page made, though it has no
 * Origin header: browsers send none with some forms.
 */
export function checkSite(method: string, headers: { readonly [name: string]: unknown }): void {
  if (SAFE_METHODS.has(method) || headers['origin'] !== undefined) return;
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  throw new GatewayError('foreign_origin', 'pages of another site may change nothing at this gateway');
}

/** Throws `foreign_origin` for a request that changes something and that any page made, be it of this machine. */
export function checkNoPage(method: string, headers: { readonly [name: string]: unknown }): void {
  checkSite(method, headers);
  if (SAFE_METHODS.has(method) || headers['origin'] === undefined) return;
  throw new GatewayError('foreign_origin', 'no page may change anything here');
}

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

function isLoopbackOrigin(origin: string): boolean {
  const url = URL.parse(origin);
  // an origin is its own canonical form: anything more than scheme, host and port is not one
  if (url === null || url.origin !== origin) return false;
  return (url.protocol === 'http:' || url.protocol === 'https:') && LOOPBACK.test(url.hostname);
}

/**
 * Rules for browsers in every answer: never guess a type, run nothing in it, show it in no other page, tell no other site where
 * its visitor was. A route whose answer is a page or a value says what holds for that instead.
 */
const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  vary: 'Origin',
} as const;

const YEAR_SECONDS = 31_536_000;

/** With TLS a browser shall come back with TLS only; not to a loopback name, which others' plain pages share. */
export function securityHeaders(host: string | undefined, isTls: boolean): Record<string, string> {
  const isNamed = HOST.test(host?.toLowerCase() ?? '');
  if (!isTls || !isNamed || isLoopbackHost(host)) return SECURITY_HEADERS;
  return { ...SECURITY_HEADERS, 'strict-transport-security': `max-age=${YEAR_SECONDS}` };
}

/** Headers with which a browser lets an allowed page read the answer; empty for anything but a page. */
export function corsHeaders(origin: string | undefined): Record<string, string> {
  if (origin === undefined) return {};
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED_HEADERS };
}

/** The same for what any page may ask for; it never comes with what a browser knows of its user. */
export const ANY_PAGE_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'Content-Length, Content-Disposition, ETag, Retry-After, X-Ipfs-Path, X-Ipfs-Roots, Maillon-Error',
} as const;

/** Headers of an answer that a page may read besides those any may. */
const EXPOSED_HEADERS =
  'Retry-After, ETag, Content-Disposition, Maillon-Degraded, Maillon-Author, Maillon-Time, Maillon-Expires, Maillon-Error, Maillon-Blob, ' +
  'Accept-Ranges, Content-Range, Location, Upload-Offset, Upload-Complete, Upload-Length, Upload-Limit';

/** Further headers of a preflight's answer. */
export const PREFLIGHT_HEADERS = {
  'access-control-allow-headers':
    'Content-Type, Authorization, X-API-Key, Idempotency-Key, Last-Event-ID, If-Match, If-None-Match, Range, If-Range, Upload-Offset, ' +
    'Upload-Complete, Upload-Length, Upload-Draft-Interop-Version',
  'access-control-max-age': '600',
} as const;
