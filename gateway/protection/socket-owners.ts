/**
 * Finds the user whose program made the other end of a loopback connection. Linux lists every socket of the network namespace in
 * /proc/net/tcp and tcp6 (proc_net(5)); both ends of a loopback connection are there, so the peer's row names its user.
 */
import { open, stat } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { endianness } from 'node:os';
import { SOCKET_TABLE_MAX_BYTES, SOCKET_TABLE_PASSES, SOCKET_TABLE_READ_BYTES } from '../core/limits.ts';

export const LINUX_SOCKET_TABLES: readonly string[] = ['/proc/net/tcp', '/proc/net/tcp6'];

/** An address and a port, as a socket has them. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/**
 * The fields of a row behind the two endpoints: state, queues, timer, retransmits, uid, timeout, inode.
 *
 * Only a connected socket that a program still holds counts: states ESTABLISHED, FIN_WAIT1 and FIN_WAIT2 (01, 04, 05) with an inode. When a
 * program has closed its socket the kernel shows it with uid 0 and inode 0, and root would be the wrong answer.
 */
const ROW_REST = /^ 0[145] \S+ \S+ \S+ +(?<uid>\d+) +\d+ (?<inode>[1-9]\d*) /;
const LISTENING_REST = /^ 0A \S+ \S+ \S+ +(?<uid>\d+) +\d+ (?<inode>[1-9]\d*) /;

interface Question {
  readonly keys: readonly string[];
  readonly answer: (uid: number | null) => void;
}

export class SocketOwners {
  readonly #tables: readonly string[];
  #waiting: Question[] = [];
  #isReading = false;

  constructor(init: { readonly tables: readonly string[] }) {
    this.#tables = init.tables;
  }

  /** Uid of the socket at `from` that is connected to `to`; null when no program holds such a socket or the tables cannot be read. */
  async ownerOf(from: Endpoint, to: Endpoint): Promise<number | null> {
    const keys = connectionKeys(from, to);
    if (keys.length === 0) return null;
    let before: number | null = null;
    // a row may be missed while the table changes under the reader
    for (let pass = 0; pass < SOCKET_TABLE_PASSES; pass++) {
      const uid = await this.#ask(keys);
      // the kernel reads inode and uid one after the other, and the socket may be closed in between: root is seen twice
      if (uid !== null && (uid !== 0 || before === 0)) return uid;
      before = uid;
    }
    return null;
  }

  #ask(keys: readonly string[]): Promise<number | null> {
    const { promise, resolve } = Promise.withResolvers<number | null>();
    this.#waiting.push({ keys, answer: resolve });
    if (!this.#isReading) void this.#read();
    return promise;
  }

  /** One reader at a time: all connections that came meanwhile share the next pass, so a flood of them costs no more than one thread. */
  async #read(): Promise<void> {
    this.#isReading = true;
    while (this.#waiting.length > 0) {
      const questions = this.#waiting;
      this.#waiting = [];
      const wanted = new Set(questions.flatMap(({ keys }) => keys));
      const owners = await readOwners(this.#tables, wanted, { rest: ROW_REST, enough: questions.length });
      for (const { keys, answer } of questions) {
        const key = keys.find((one) => owners.has(one));
        answer(key === undefined ? null : (owners.get(key) ?? null));
      }
    }
    this.#isReading = false;
  }
}

/** Whether the program that listens at `at` runs as another user than root or the owner of `file`, as far as Linux tells. */
export async function isForeignListener(at: Endpoint, file: string): Promise<boolean> {
  const [uid, owner] = await Promise.all([listenerOwner(at), stat(file).catch(() => null)]);
  return uid !== null && uid !== 0 && owner !== null && owner.uid !== uid;
}

/** Null when nobody listens, or nobody can tell. The most specific address wins. */
async function listenerOwner({ address, port }: Endpoint): Promise<number | null> {
  const anywhere = [Buffer.alloc(4), Buffer.alloc(16)];
  const keys = [...formsOf(address), ...anywhere].map((form) => {
    return `${endpointText(form, port)} ${endpointText(Buffer.alloc(form.length), 0)}`;
  });
  const owners = await readOwners(LINUX_SOCKET_TABLES, new Set(keys), {
    rest: LISTENING_REST,
    enough: keys.length,
  });
  const key = keys.find((one) => owners.has(one));
  return key === undefined ? null : (owners.get(key) ?? null);
}

/** How rows may name the connection. */
function connectionKeys(from: Endpoint, to: Endpoint): readonly string[] {
  const remote = formsOf(to.address);
  return formsOf(from.address).flatMap((form) => {
    const other = remote.find(({ length }) => length === form.length);
    return other === undefined ? [] : [`${endpointText(form, from.port)} ${endpointText(other, to.port)}`];
  });
}

const MAPPED = /^::ffff:(?<v4>[\d.]+)$/i;
const MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');
const LOOPBACK_V6 = Buffer.from('00000000000000000000000000000001', 'hex');

/** The bytes of a loopback address. An IPv4 address has two forms: a socket of IPv6 that is connected to one shows it mapped. */
function formsOf(address: string): readonly Buffer[] {
  if (address === '::1') return [LOOPBACK_V6];
  const text = MAPPED.exec(address)?.groups?.['v4'] ?? address;
  if (!isIPv4(text)) return [];
  const bytes = Buffer.from(text.split('.').map(Number));
  return [bytes, Buffer.concat([MAPPED_PREFIX, bytes])];
}

/** As the tables have it: each four bytes as the number that this machine takes them for. */
function endpointText(bytes: Buffer, port: number): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    text += hex(endianness() === 'LE' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at), 8);
  }
  return `${text}:${hex(port, 4)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

/**
 * Finds the rows named in `keys` whose rest matches `rest`, with their uid; stops after `enough` of them. A table that is not
 * there is left out.
 */
async function readOwners(
  tables: readonly string[],
  keys: ReadonlySet<string>,
  { rest, enough }: { readonly rest: RegExp; readonly enough: number },
): Promise<ReadonlyMap<string, number>> {
  const owners = new Map<string, number>();
  for (const table of tables) {
    if (owners.size >= enough) break;
    try {
      for await (const rows of rowsOf(table)) {
        if (owners.size >= enough) break;
        for (const row of rows) {
          const begin = row.indexOf(': ') + 2;
          // the two endpoints, with one blank between them
          const end = row.indexOf(' ', row.indexOf(' ', begin) + 1);
          const key = row.slice(begin, end);
          const uid = keys.has(key) ? rest.exec(row.slice(end))?.groups?.['uid'] : undefined;
          if (uid !== undefined) owners.set(key, Number(uid));
        }
      }
    } catch {
      // no IPv6, or /proc is not for this process to read: what is not found is not known
    }
  }
  return owners;
}

async function* rowsOf(table: string): AsyncGenerator<readonly string[], void, undefined> {
  await using file = await open(table, 'r');
  const buffer = Buffer.alloc(SOCKET_TABLE_READ_BYTES);
  let left = '';
  for (let total = 0; total < SOCKET_TABLE_MAX_BYTES; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, null);
    if (bytesRead === 0) return;
    total += bytesRead;
    const rows = (left + buffer.toString('latin1', 0, bytesRead)).split('\n');
    left = rows.pop() ?? '';
    yield rows;
  }
}
