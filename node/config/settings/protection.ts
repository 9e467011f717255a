import { z } from 'zod';
import { bytes, count, type Setting, texts } from './setting.ts';

/** Settings that protect the gateway against abuse: proxies, TLS, rates, the audit log. */
export const PROTECTION_SETTINGS = [
  {
    path: 'gateway.trustedProxies',
    schema: texts,
    default: [],
    help: 'Addresses and ranges of the proxies in front of the gateway: only what they say of a client (X-Forwarded-For) is believed.',
  },
  {
    path: 'gateway.tls.cert',
    schema: z.string(),
    default: '',
    help: 'File with the certificate chain (PEM): the gateway then speaks TLS only. Read again when it changes, and on SIGHUP.',
  },
  {
    path: 'gateway.tls.key',
    schema: z.string(),
    default: '',
    help: 'File (mode 0600) with the private key of gateway.tls.cert (PEM).',
  },
  {
    path: 'gateway.rate.requests',
    schema: count,
    default: 50,
    unit: 'per second',
    help: 'HTTP requests of one client address (an IPv6 /64): several busy people behind one address, no flood.',
  },
  {
    path: 'gateway.rate.handshakes',
    schema: count,
    default: 5,
    unit: 'per second',
    help: 'Streams, WebSocket or SSE, that one client address opens: each costs some 20 kB and a subscription.',
  },
  {
    path: 'gateway.rate.frames',
    schema: count,
    default: 500,
    unit: 'per second',
    help: 'WebSocket frames from one client address: beyond it its connections are not read from for a while; nothing is lost.',
  },
  {
    path: 'gateway.rate.keys',
    schema: count,
    default: 100,
    unit: 'per second',
    help: 'Requests with one credential, from wherever: one that leaked, or a client that loops, is slowed down.',
  },
  {
    path: 'gateway.rate.namespaces',
    schema: count,
    default: 500,
    unit: 'per second',
    help: 'Requests in one namespace, with whatever credential: one tenant leaves room for the others.',
  },
  {
    path: 'gateway.rate.notices',
    schema: count,
    default: 1,
    unit: 'per second',
    help: 'Policies and revocations that one client address hands in: every node of the swarm keeps each of them.',
  },
  {
    path: 'gateway.streamsPerAddress',
    schema: count,
    default: 500,
    unit: 'count',
    help: 'WebSocket and SSE streams that one client address (an IPv6 /64) has open: an office behind one address, and room for others.',
  },
  {
    path: 'gateway.connectionsPerAddress',
    schema: count,
    default: 1000,
    unit: 'count',
    help: 'Connections that one client address (an IPv6 /64) has open, streams or not: more are closed at once. Trusted proxies have as many as there are.',
  },
  {
    path: 'gateway.rate.loopback',
    schema: z.boolean(),
    default: false,
    help: 'Whether the rates and the streams of an address are limited for programs of this machine, too.',
  },
  {
    path: 'gateway.audit.fileBytes',
    schema: bytes,
    default: 16 * 2 ** 20,
    unit: 'bytes',
    help: 'Size at which the audit log begins a new file: some 50 000 events, quickly read and copied.',
  },
  {
    path: 'gateway.audit.files',
    schema: count,
    default: 64,
    unit: 'count',
    help: 'Files of the audit log that are kept, 1 GiB by default; the oldest then goes, which the log says.',
  },
] as const satisfies readonly Setting[];
