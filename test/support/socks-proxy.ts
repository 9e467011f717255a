/**
 * A SOCKS5 proxy (RFC 1928: CONNECT to IPv4, IPv6 and names, which it looks up itself; RFC 1929 when a password is
 * given) as a process of its own. Every target is a line in the log file: `name seed.example:4411`.
 *
 * Arguments: host to listen on, port (0: any), log file, and user and password if it asks for them. Says its port.
 */
import { appendFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const VERSION = 5;
const PASSWORD_VERSION = 1;
const METHOD = { none: 0, password: 2, refused: 0xff } as const;
const COMMAND_CONNECT = 1;
const REPLY = {
  granted: 0,
  unreachable: 4,
  refused: 5,
  badCommand: 7,
  badAddress: 8,
} as const;
const KINDS: Readonly<Record<number, 'ip4' | 'name' | 'ip6'>> = { 1: 'ip4', 3: 'name', 4: 'ip6' };
/** The longest of all messages: a password negotiation, both texts at their most. */
const HANDSHAKE_MAX_BYTES = 513;
/** A client that does not say what it wants holds a socket. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

const [host = '127.0.0.1', port = '0', log = '/dev/null', user, password = ''] = process.argv.slice(2);

/** Hands out the client's bytes in the pieces that are asked for. */
class Reader {
  readonly #socket: Socket;
  #held: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  async take(length: number): Promise<Buffer> {
    if (length > HANDSHAKE_MAX_BYTES) throw new Error('too long');
    while (this.#held.length < length) {
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
      const onEnd = () => reject(new Error('ended in its handshake'));
      const onData = (bytes: Buffer) => {
        // at once: what else has come must wait for who asks next
        this.#socket.pause();
        resolve(bytes);
      };
      this.#socket.once('data', onData).once('close', onEnd).resume();
      try {
        this.#held = Buffer.concat([this.#held, await promise]);
      } finally {
        this.#socket.off('close', onEnd);
      }
    }
    const piece = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return piece;
  }

  async byte(): Promise<number> {
    return (await this.take(1))[0] ?? 0;
  }

  /** A text with its length before it. */
  async text(): Promise<string> {
    return (await this.take(await this.byte())).toString();
  }

  /** Bytes already received after the handshake. */
  get rest(): Buffer {
    return this.#held;
  }
}

interface Target {
  readonly kind: 'ip4' | 'name' | 'ip6';
  readonly host: string;
  readonly port: number;
}

async function serve(client: Socket): Promise<void> {
  const reader = new Reader(client);
  if (!(await agreeOnMethod(client, reader))) return void client.end();
  const target = await readRequest(client, reader);
  if (target === null) return void client.end();
  appendFileSync(log, `${target.kind} ${target.host}:${target.port}\n`);
  const remote = connect({ host: target.host, port: target.port });
  let isGranted = false;
  remote.once('connect', () => {
    isGranted = true;
    client.setTimeout(0);
    client.write(reply(REPLY.granted));
    if (reader.rest.length > 0) remote.write(reader.rest);
    client.pipe(remote).pipe(client);
  });
  remote.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (isGranted) client.destroy();
    else client.end(reply(code === 'ECONNREFUSED' ? REPLY.refused : REPLY.unreachable));
  });
  remote.on('close', () => client.destroySoon());
  client.on('close', () => remote.destroy());
}

async function agreeOnMethod(client: Socket, reader: Reader): Promise<boolean> {
  if ((await reader.byte()) !== VERSION) return false;
  const offered = await reader.take(await reader.byte());
  const wanted = user === undefined ? METHOD.none : METHOD.password;
  const method = offered.includes(wanted) ? wanted : METHOD.refused;
  client.write(Buffer.of(VERSION, method));
  if (method !== METHOD.password) return method !== METHOD.refused;
  if ((await reader.byte()) !== PASSWORD_VERSION) return false;
  const isRight = (await reader.text()) === user;
  const isKnown = (await reader.text()) === password && isRight;
  client.write(Buffer.of(PASSWORD_VERSION, isKnown ? 0 : 1));
  return isKnown;
}

async function readRequest(client: Socket, reader: Reader): Promise<Target | null> {
  const [version, command, , type = 0] = await reader.take(4);
  const kind = KINDS[type];
  if (version !== VERSION || kind === undefined) return refuse(client, REPLY.badAddress);
  const name = await readHost(reader, kind);
  const target = { kind, host: name, port: (await reader.take(2)).readUInt16BE() };
  return command === COMMAND_CONNECT ? target : refuse(client, REPLY.badCommand);
}

async function readHost(reader: Reader, kind: Target['kind']): Promise<string> {
  if (kind === 'name') return reader.text();
  if (kind === 'ip4') return (await reader.take(4)).join('.');
  const bytes = await reader.take(16);
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(':');
}

function refuse(client: Socket, code: number): null {
  client.write(reply(code));
  return null;
}

/** An answer; the address it is bound to is of no use to who connects, and left empty as others do. */
function reply(code: number): Buffer {
  return Buffer.of(VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0);
}

const server = createServer((client) => {
  client.setTimeout(HANDSHAKE_TIMEOUT_MS, () => client.destroy());
  client.on('error', () => client.destroy());
  serve(client).catch(() => client.destroy());
});
server.listen(Number(port), host, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
