import { z } from 'zod';
import { NAMESPACE_PATTERN } from '../../../protocols/common/names.ts';
import { bytes, count, ms, port, type Setting, texts } from './setting.ts';

/** Settings that clients and operators see: the gateway, the admin listener, the log. */
export const LISTENER_SETTINGS = [
  { path: 'gateway.enabled', schema: z.boolean(), default: true, help: 'Serve HTTP and WebSocket clients.' },
  {
    path: 'gateway.host',
    schema: z.union([z.ipv4(), z.ipv6(), z.literal('localhost')]),
    default: '127.0.0.1',
    help: 'Address the gateway listens on. One that others can reach (0.0.0.0 and :: are all there are) needs gateway.auth: required, gateway.allowedHosts, and TLS, a proxy or gateway.plainHttp.',
  },
  {
    path: 'gateway.auth',
    schema: z.enum(['local', 'required']),
    default: 'local',
    help: 'Clients needing a credential. local: everybody but programs of this machine that run as the user of the node or as root and come through no proxy: they are let in as its operator. required: everybody.',
  },
  {
    path: 'gateway.operatorUids',
    schema: z.array(z.coerce.string()).max(64),
    default: [],
    help: "Uids beside the node's own and root's whose programs on this machine are the operator too, where gateway.auth is local (Linux); any: those of every user, also where a connection's user cannot be found out.",
  },
  {
    path: 'gateway.plainHttp',
    schema: z.boolean(),
    default: false,
    help: 'Whether clients may be elsewhere without TLS and without a proxy: only on networks where nobody else listens, such as that of containers.',
  },
  {
    path: 'gateway.port',
    schema: port,
    default: 8080,
    help: 'Port of the gateway. The next free one is taken when it is not set and busy.',
  },
  {
    path: 'gateway.allowedHosts',
    schema: texts,
    default: [],
    help: 'Host names, beside loopback ones, under which the gateway answers: others are refused (DNS rebinding).',
  },
  {
    path: 'gateway.allowedOrigins',
    schema: texts,
    default: [],
    help: 'Origins of web pages, beside loopback ones, that may use the gateway.',
  },
  {
    path: 'gateway.bodyBytes',
    schema: bytes,
    default: 256 * 1024,
    unit: 'bytes',
    help: 'Largest request body: a full message in base64 and the JSON around it.',
  },
  {
    path: 'gateway.clientsMax',
    schema: count,
    default: 10_000,
    unit: 'count',
    help: 'WebSocket and SSE clients together: some 20 kB each.',
  },
  {
    path: 'gateway.clientQueueBytes',
    schema: bytes,
    default: 4 * 2 ** 20,
    unit: 'bytes',
    help: 'Most bytes that may wait for one slow client before it is closed with code 4008: others must not pay for it.',
  },
  {
    path: 'gateway.slowClientMs',
    schema: ms.min(1000),
    default: 30_000,
    unit: 'milliseconds',
    help: 'How long a client whose queue is half full is waited for, with its own requests left unread, before it is cut with close code 4008.',
  },
  {
    path: 'gateway.topicsPerClient',
    schema: count,
    default: 256,
    unit: 'count',
    help: 'Topics one WebSocket may be subscribed to: each is a place in a list.',
  },
  {
    path: 'gateway.state',
    schema: z.string(),
    default: '',
    help: 'Where sign-ins, sessions and API keys are kept: a file in the data directory when empty, or an rqlite cluster that gateways share: rqlite://host:port[,host:port…]. rqlites:// speaks TLS.',
  },
  {
    path: 'gateway.stateCredentialsFile',
    schema: z.string(),
    default: '',
    help: 'File (mode 0600) with user:password for that cluster.',
  },
  {
    path: 'gateway.secretFile',
    schema: z.string(),
    default: '',
    help: 'File (mode 0600) with the secret that seals what the gateway keeps: the same file at all gateways that share a state. Made in the data directory when empty.',
  },
  {
    path: 'gateway.loginCallbacks',
    schema: texts,
    default: [],
    help: 'Addresses to which the login page may hand a session, such as https://app.example/signed-in. By https, or by http to the machine of the user: one on http://127.0.0.1 or http://localhost stands for every port. That of maillon login --browser is allowed in any case.',
  },
  {
    path: 'compat.debros',
    schema: z.boolean(),
    default: false,
    help: 'Take the credentials of DeBros clients (TypeScript SDK 0.6) where they put them, in the URL of /v1/pubsub/ws (?api_key=, ?token=), and answer /v1/network/status and /v1/network/peers without one. Proxies in between may log such URLs.',
  },
  {
    path: 'compat.fournk.namespace',
    schema: z.string().regex(NAMESPACE_PATTERN, 'must match [a-z0-9-]{1,64}'),
    default: '4nk',
    help: 'Namespace of what 4NK clients keep with POST /store.',
  },
  {
    path: 'compat.fournk.ttlMs',
    schema: z.int().min(0).max(31_536_000_000),
    default: 0,
    unit: 'milliseconds',
    help: 'How long what a 4NK client stores without a ttl is kept; 0: for ever, since losing it must be asked for.',
  },
  {
    path: 'admin.enabled',
    schema: z.boolean(),
    default: true,
    help: 'Serve metrics and probes to the operator on a listener of its own.',
  },
  {
    path: 'admin.host',
    schema: z.union([z.ipv4(), z.ipv6(), z.literal('localhost')]),
    default: '127.0.0.1',
    help: 'Address of the admin listener. One that others can reach needs admin.tokenFile.',
  },
  {
    path: 'admin.port',
    schema: port,
    default: 9464,
    help: 'Port of the admin listener. The next free one is taken when it is not set and busy.',
  },
  {
    path: 'admin.tokenFile',
    schema: z.string(),
    default: '',
    help: 'File (mode 0600) with the token that the admin listener then asks for everywhere but at /livez: Authorization: Bearer. When empty only administration needs a token, the one in admin.token in the data directory.',
  },
  {
    path: 'log.level',
    schema: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    default: 'info',
    help: 'Least severity that is logged.',
  },
  {
    path: 'log.format',
    schema: z.enum(['auto', 'pretty', 'json']),
    default: 'auto',
    help: 'Form of the log on standard error: pretty on a terminal, JSON elsewhere.',
  },
] as const satisfies readonly Setting[];
