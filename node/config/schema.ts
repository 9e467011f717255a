import { z } from 'zod';
import { SWARM_PATTERN } from '../../protocols/common/names.ts';
import {
  DEDUP_WINDOW_MS,
  ENVELOPE_MAX_MESSAGES,
  LINGER_BUSY_MS,
  LINGER_MS,
} from '../../protocols/relay/index.ts';

/** One setting: where it is said, what it may be, what it is unless said, and why. */
export interface Setting {
  /** Dotted path in `maillon.yaml`; the flag and the variable are derived from it. */
  readonly path: string;
  readonly schema: z.ZodType;
  readonly default: unknown;
  /** What it does, and for a limit why it is what it is. */
  readonly help: string;
  /** For a number that limits something: its unit in the info document. */
  readonly unit?: 'bytes' | 'milliseconds' | 'messages' | 'peers' | 'count' | 'per second';
}

const port = z.int().min(0).max(65_535);
const count = z.int().min(1).max(1_000_000);
const bytes = z
  .int()
  .min(1024)
  .max(2 ** 40);
const ms = z
  .int()
  .min(0)
  .max(24 * 3_600_000);
const texts = z.array(z.string().min(1)).max(1000);

/** Every setting there is. A key that is not here is refused by name. */
export const SETTINGS = [
  {
    path: 'data',
    schema: z.string().min(1),
    default: './data',
    help: 'Directory for everything kept on disk.',
  },
  {
    path: 'swarm',
    schema: z.string().regex(SWARM_PATTERN, 'must match [a-z0-9-]{1,64}'),
    default: 'maillon',
    help: 'Name of the swarm. Nodes and signatures of another one are not accepted.',
  },
  {
    path: 'bootstrap',
    schema: texts,
    default: [],
    help: 'Addresses of peers to join through, each ending in /p2p/<peer id>.',
  },
  {
    path: 'bootstrapPeer',
    schema: z.boolean(),
    default: false,
    help: 'Print the line with which other nodes join through this one.',
  },
  {
    path: 'listen.host',
    schema: z.union([z.ipv4(), z.ipv6()]),
    default: '0.0.0.0',
    help: 'Address the swarm ports listen on.',
  },
  {
    path: 'listen.tcp',
    schema: port,
    default: 4411,
    help: 'Swarm port for TCP. The next free one is taken when it is not set and busy.',
  },
  {
    path: 'listen.ws',
    schema: port,
    default: 4412,
    help: 'Swarm port for WebSocket. The next free one is taken when it is not set and busy.',
  },
  {
    path: 'listen.quic',
    schema: port,
    default: 4411,
    help: 'Swarm port for QUIC (UDP). The next free one is taken when it is not set and busy.',
  },
  {
    path: 'listen.announce',
    schema: texts,
    default: [],
    help: 'Addresses to announce instead of the ones listened on, for a node behind a forwarded port.',
  },
  {
    path: 'connections.max',
    schema: count,
    default: 300,
    unit: 'peers',
    help: 'Connections kept; above, the least useful are closed. Each costs some 100 kB.',
  },
  {
    path: 'connections.target',
    schema: count,
    default: 24,
    unit: 'peers',
    help: 'Peers this node looks for by itself: twice the highest mesh degree.',
  },
  {
    path: 'connections.inboundPerSecond',
    schema: count,
    default: 50,
    unit: 'per second',
    help: 'New connections taken from one address: a swarm behind one NAT may start at once, a flood may not.',
  },
  {
    path: 'connections.pendingMax',
    schema: count,
    default: 64,
    unit: 'count',
    help: 'Incoming connections that may be in their handshake together: each costs a key exchange.',
  },
  {
    path: 'connections.perAddress',
    schema: count,
    default: 64,
    unit: 'peers',
    help: 'Connections from one address: more peers than a NAT usually holds. Loopback is not counted.',
  },
  {
    path: 'connections.perPeer',
    schema: count,
    default: 4,
    unit: 'count',
    help: 'Connections with one peer: a direct and a relayed one, and both once more while one replaces the other.',
  },
  {
    path: 'connections.allow',
    schema: texts,
    default: [],
    help: 'Peer ids and address ranges (192.0.2.0/24) that may connect and be dialled; everybody when empty.',
  },
  {
    path: 'connections.deny',
    schema: texts,
    default: [],
    help: 'Peer ids and address ranges that may neither connect nor be dialled, whatever else is allowed.',
  },
  {
    path: 'connections.dialPrivate',
    schema: z.enum(['subnet', 'always', 'never']),
    default: 'subnet',
    help: 'Private addresses that peers name: dial those in a subnet of this machine, all, or none. Own settings are always dialled.',
  },
  {
    path: 'network.keyFile',
    schema: z.string(),
    default: '',
    help: 'File with the key of a private network (swarm.key, mode 0600): only peers with the same key connect. Switches QUIC off.',
  },
  {
    path: 'network.proxy',
    schema: z.string(),
    default: '',
    help: 'SOCKS5 proxy for every outgoing connection, such as socks5://127.0.0.1:9050 (Tor). Switches off QUIC, mDNS, UPnP and hole punching.',
  },
  {
    path: 'network.quic',
    schema: z.boolean(),
    default: true,
    help: 'Speak QUIC beside TCP and WebSocket, where its native package loads.',
  },
  {
    path: 'network.mdns',
    schema: z.boolean(),
    default: false,
    help: 'Find peers on the local network by multicast DNS, and be found.',
  },
  {
    path: 'network.upnp',
    schema: z.boolean(),
    default: false,
    help: 'Ask the router to forward the swarm ports (UPnP).',
  },
  {
    path: 'network.holePunch',
    schema: z.boolean(),
    default: true,
    help: 'Turn relayed connections into direct ones through both NATs (DCUtR).',
  },
  {
    path: 'circuit.use',
    schema: z.enum(['auto', 'always', 'never']),
    default: 'auto',
    help: 'Be reachable through other nodes (circuit relay v2): when others see this node at a public address it is not reached at, always, or never.',
  },
  {
    path: 'circuit.serve',
    schema: z.boolean(),
    default: true,
    help: 'Relay connections for nodes that cannot be reached otherwise (circuit relay v2).',
  },
  {
    path: 'circuit.reservationsMax',
    schema: count,
    default: 64,
    unit: 'peers',
    help: 'Nodes that may be reachable through this one together: each keeps a connection here.',
  },
  {
    path: 'circuit.bytesMax',
    schema: bytes,
    default: 1024 * 1024,
    unit: 'bytes',
    help: 'What one relayed connection may carry each way: enough to punch a hole and to say who is who, no channel for data.',
  },
  {
    path: 'circuit.durationMs',
    schema: ms.min(1000),
    default: 120_000,
    unit: 'milliseconds',
    help: 'How long one relayed connection may last: holes are punched within seconds.',
  },
  {
    path: 'directory.max',
    schema: count,
    default: 4096,
    unit: 'peers',
    help: 'Nodes the directory holds: some 1 kB each in memory and on disk.',
  },
  {
    path: 'directory.perPrefix',
    schema: count,
    default: 32,
    unit: 'peers',
    help: 'Nodes of one /24 or /48 in the directory: addresses of one prefix are cheap for one party. Loopback is not counted.',
  },
  {
    path: 'gossip.degree',
    schema: z.int().min(2).max(32),
    default: 6,
    unit: 'peers',
    help: 'Mesh peers per shard aimed at (D): copies of an envelope grow with it, hops shrink.',
  },
  {
    path: 'gossip.degreeLow',
    schema: z.int().min(1).max(32),
    default: 4,
    unit: 'peers',
    help: 'Below this many mesh peers more are grafted (D_low).',
  },
  {
    path: 'gossip.degreeHigh',
    schema: z.int().min(2).max(64),
    default: 8,
    unit: 'peers',
    help: 'Above this many mesh peers some are pruned (D_high).',
  },
  {
    path: 'gossip.sameAddressMax',
    schema: count,
    default: 64,
    unit: 'peers',
    help: 'Peers behind one address before they are scored down: more than a NAT usually holds, fewer than a Sybil wants.',
  },
  {
    path: 'gossip.outboundBufferBytes',
    schema: bytes,
    default: 8 * 2 ** 20,
    unit: 'bytes',
    help: 'What may wait for one slow peer before its stream is reset: gossip itself would buffer without end.',
  },
  {
    path: 'relay.lingerMs',
    schema: ms.max(1000),
    default: LINGER_MS,
    unit: 'milliseconds',
    help: 'How long a message may wait to share an envelope with others. A message after a pause never waits.',
  },
  {
    path: 'relay.lingerBusyMs',
    schema: ms.max(1000),
    default: LINGER_BUSY_MS,
    unit: 'milliseconds',
    help: 'The same at a busy node: it grows from the other to this as the event loop works from a third to two thirds of the time.',
  },
  {
    path: 'relay.packMessages',
    schema: z.int().min(1).max(ENVELOPE_MAX_MESSAGES),
    default: ENVELOPE_MAX_MESSAGES,
    unit: 'messages',
    help: 'Most messages this node packs into one envelope.',
  },
  {
    path: 'relay.publishQueueBytes',
    schema: bytes,
    default: 32 * 2 ** 20,
    unit: 'bytes',
    help: 'Messages that may wait to be sent; above, publishing answers overloaded.',
  },
  {
    path: 'relay.verifyQueue',
    schema: count,
    default: 8192,
    unit: 'count',
    help: 'Envelopes that may wait for verification: one second of it on two cores, 80 MiB at 10 KiB each.',
  },
  {
    path: 'relay.ignoredPerSecond',
    schema: count,
    default: 500,
    unit: 'per second',
    help: 'Ignored envelopes (late, expired, replayed) looked at per peer: honest peers forward some.',
  },
  {
    path: 'relay.dedupWindowMs',
    schema: ms.min(DEDUP_WINDOW_MS / 5),
    default: DEDUP_WINDOW_MS,
    unit: 'milliseconds',
    help: 'How long an envelope is remembered as seen: at least what can still be accepted, twice the skew added.',
  },
  {
    path: 'relay.dedupMax',
    // a Set holds no more than 16.7 million
    schema: z.int().min(1).max(16_000_000),
    default: 1_000_000,
    unit: 'count',
    help: 'Ids remembered as seen at most, some 100 bytes each; full within 80 s, new envelopes are refused.',
  },
  { path: 'gateway.enabled', schema: z.boolean(), default: true, help: 'Serve HTTP and WebSocket clients.' },
  {
    path: 'gateway.host',
    schema: z.union([z.ipv4(), z.ipv6(), z.literal('localhost')]),
    default: '127.0.0.1',
    help: 'Address the gateway listens on. Loopback until authentication exists.',
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
    help: 'What may wait for one slow client before it is cut with close code 4008: others must not pay for it.',
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
    help: 'File (mode 0600) with the token that the admin listener then asks for: Authorization: Bearer.',
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

/** Every setting with its value, by dotted path. */
export type Config = {
  readonly [S in (typeof SETTINGS)[number] as S['path']]: z.output<S['schema']>;
} & {
  /** Paths that were said, by flag, variable or file, rather than taken from the defaults. */
  readonly explicit: ReadonlySet<string>;
};

export const DEFAULTS: Config = {
  ...(Object.fromEntries(SETTINGS.map((setting) => [setting.path, setting.default])) as unknown as Omit<
    Config,
    'explicit'
  >),
  explicit: new Set(),
};
