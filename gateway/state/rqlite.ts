import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '../../node/index.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { readSecretFile } from '../core/secret-file.ts';
import { unavailable } from './errors.ts';
import type { Database, Outcome, Row, Statement, Value } from './interface.ts';

/** One node's time for an answer: a write that is forwarded to the leader takes milliseconds. */
const ATTEMPT_TIMEOUT_MS = 2_500;
/** All attempts together: a cluster that lost its leader has another within 3 s or so. */
const TIMEOUT_MS = 12_000;
/** Between rounds over all nodes, while they elect a leader. */
const PAUSE_MS = 150;
/** Nodes of a cluster that are named: more than one needs to find it. */
const HOSTS_MAX = 16;
/** An answer: the largest list that is read has some hundred rows. */
const ANSWER_MAX_BYTES = 4 * 2 ** 20;

const FORM = /^(?<scheme>rqlites?):\/\/(?<hosts>[^/?#@]+)\/?(?:\?level=(?<level>[a-z]+))?$/;
const HOST = /^([a-z0-9.-]+|\[[0-9a-f:.]+\]):\d{1,5}$/i;
const LEVELS: ReadonlySet<string> = new Set(['strong', 'linearizable', 'weak']);

export interface RqliteUrl {
  /** `http://host:port` of each node. */
  readonly origins: readonly string[];
  /** How sure a read is that there is no later write. */
  readonly level: string;
}

/** `rqlite://host:port[,host:port…][?level=strong]`, or `rqlites://…` for TLS. Throws `bad_state_url`. */
export function parseRqliteUrl(url: string): RqliteUrl {
  const { scheme, hosts = '', level = 'strong' } = FORM.exec(url)?.groups ?? {};
  const names = hosts.split(',');
  if (scheme === undefined || names.length > HOSTS_MAX || !names.every((name) => HOST.test(name))) {
    throw new CodedError(
      'bad_state_url',
      'gateway.state must be empty or rqlite://host:port[,host:port…], without a password: see gateway.stateCredentialsFile',
    );
  }
  if (!LEVELS.has(level)) {
    throw new CodedError('bad_state_url', `gateway.state: level must be one of ${[...LEVELS].join(', ')}`);
  }
  const http = scheme === 'rqlites' ? 'https' : 'http';
  return { origins: names.map((name) => `${http}://${name}`), level };
}

/** `user:password` from a file of mode 0600. Throws `bad_credentials_file`. */
export function readCredentials(file: string): string {
  const text = readSecretFile(file, {
    setting: 'gateway.stateCredentialsFile',
    code: 'bad_credentials_file',
  });
  if (text !== null && /^[^:\s]+:\S+$/.test(text)) return text;
  throw new CodedError(
    'bad_credentials_file',
    `gateway.stateCredentialsFile ${file}: it must hold user:password in one line`,
  );
}

export interface RqliteInit extends RqliteUrl {
  readonly credentials: string | null;
}

/** A node's answer to a statement. */
interface Result {
  readonly error?: string;
  readonly rows_affected?: number;
  readonly columns?: readonly string[];
  readonly values?: readonly (readonly Value[])[] | null;
}

/** A cluster: any of its nodes is asked, and passes on to the leader what is for it. */
export class RqliteDatabase implements Database {
  readonly #logger: Logger;
  readonly #init: RqliteInit;
  readonly #closed = new AbortController();
  /** The node that answered last. */
  #current = 0;
  #fault: string | null = null;

  constructor({ logger }: { readonly logger: Logger }, init: RqliteInit) {
    this.#logger = logger;
    this.#init = init;
  }

  get fault(): string | null {
    return this.#fault;
  }

  async query(sql: string, args: readonly Value[] = []): Promise<readonly Row[]> {
    const [result] = await this.#ask(`/db/query?level=${this.#init.level}`, [{ sql, args }]);
    const { columns = [], values } = result ?? {};
    return (values ?? []).map((row) =>
      Object.fromEntries(columns.map((column, index) => [column, row[index] ?? null])),
    );
  }

  async execute(statements: readonly Statement[]): Promise<readonly Outcome[]> {
    const results = await this.#ask('/db/execute?transaction', statements);
    return statements.map((_, index) => ({ rowsAffected: results[index]?.rows_affected ?? 0 }));
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }

  /** Goes round the nodes until one answers. A refusal by the database itself is returned at once. */
  async #ask(path: string, statements: readonly Statement[]): Promise<readonly Result[]> {
    const body = JSON.stringify(statements.map(({ sql, args = [] }) => [sql, ...args]));
    const deadline = performance.now() + TIMEOUT_MS;
    const { origins } = this.#init;
    for (let attempt = 1; ; attempt += 1) {
      const origin = origins[this.#current % origins.length] ?? '';
      try {
        const results = await this.#askOne(origin + path, body);
        this.#fault = null;
        return results;
      } catch (error) {
        this.#failed(origin, error);
        const isOver = error instanceof StatementError || performance.now() > deadline;
        if (isOver || this.#closed.signal.aborted) throw unavailable();
        this.#current = (this.#current + 1) % origins.length;
        if (attempt % origins.length === 0) await wait(PAUSE_MS);
      }
    }
  }

  #failed(origin: string, error: unknown): void {
    this.#fault = `rqlite at ${origin}: ${reasonOf(error)}`;
    this.#logger.warn({ origin, reason: reasonOf(error) }, 'rqlite does not answer as it should');
  }

  async #askOne(url: string, body: string): Promise<readonly Result[]> {
    const { credentials } = this.#init;
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        ...(credentials === null
          ? {}
          : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
      },
      // its own node passes on what is for the leader; anywhere else the credentials have no business
      redirect: 'error',
      signal: AbortSignal.any([this.#closed.signal, AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)]),
    });
    const text = await readText(response);
    if (!response.ok) throw new Error(`status ${response.status}: ${text.trim().slice(0, 200)}`);
    const { results = [], error } = JSON.parse(text) as { results?: Result[]; error?: string };
    if (error !== undefined) throw new Error(error);
    const refused = results.find((result) => result.error !== undefined)?.error;
    if (refused !== undefined) throw isTransient(refused) ? new Error(refused) : new StatementError(refused);
    return results;
  }
}

/** The database executed the statement and refused it: it would do so again. */
class StatementError extends Error {}

/** Said in the place of a result while there is no leader, or when it goes. */
function isTransient(message: string): boolean {
  return /leader|leadership|timeout|not open|stale read|raft|connection/i.test(message);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${errorMessage(error.cause)}` : '';
  return errorMessage(error) + cause;
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > ANSWER_MAX_BYTES) throw new Error(`the answer exceeds ${ANSWER_MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length).toString();
}
