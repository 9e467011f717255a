import { peerIdFromString } from '@libp2p/peer-id';
import { NoAnswer } from '../../../node/storage/rpc/client.ts';
import {
  type Answers,
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  ReplicaError,
  type RequestOf,
  type RequestType,
  StorageError,
  type StorageRequest,
} from '../../../protocols/storage/index.ts';
import type { ManualClock } from '../../support/manual-clock.ts';
import type { Random } from '../storage/random.ts';
import type { SimNode } from './node.ts';

const CONNECT_TIMEOUT_MS = 1_500;
const LATENCIES_MS = [5, 5, 5, 10, 10, 20];
/** One message of so many is late. */
const SLOW_ONE_IN = 40;
const SLOW_MAX_MS = 1_000;
/** In which a connection whose other end is silent is given up. */
const SILENCE_MIN_MS = 1_000;
const SILENCE_MAX_MS = 30_000;
/** Nobody waits for what a process that has died waited for. */
const NEVER = new Promise<never>(() => undefined);

export interface NetInit {
  /** Whether requests and answers pass through their bytes: as on the wire, at twice the cost. */
  readonly isEncoded: boolean;
}

/** The network between the nodes: what each of them reaches, connections, and messages that take time or get lost. */
export class Net {
  readonly #clock: ManualClock;
  readonly #random: Random;
  readonly #isEncoded: boolean;
  readonly #up = new Map<string, SimNode>();
  /** Nodes whose machine is away, not only their process: nobody refuses a connection. */
  readonly #silent = new Set<string>();
  /** In which part of a network that is split a node is; 0 where it is not said. */
  #sides = new Map<string, number>();
  readonly #cuts = new Set<string>();
  /** Connections, and whom to tell that one has ended. */
  readonly #lines = new Map<string, Set<(error: Error) => void>>();

  constructor(components: { readonly clock: ManualClock; readonly random: Random }, { isEncoded }: NetInit) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#isEncoded = isEncoded;
  }

  up(node: SimNode): void {
    for (const other of this.#up.keys()) this.#end(node.id, other, 0);
    this.#silent.delete(node.id);
    this.#up.set(node.id, node);
  }

  /** `isSilent`: its machine is away as well, so that others find out only by its silence. */
  down(id: string, isSilent: boolean): void {
    this.#up.delete(id);
    if (isSilent) this.#silent.add(id);
    for (const line of this.#lines.keys()) {
      const [a = '', b = ''] = line.split(' ');
      if (a === id || b === id) this.#end(a, b, isSilent ? this.#silence() : 5);
    }
  }

  split(sides: ReadonlyMap<string, number>): void {
    this.#sides = new Map(sides);
    this.#endUnreachable();
  }

  cut(a: string, b: string): void {
    this.#cuts.add(lineOf(a, b));
    this.#endUnreachable();
  }

  heal(): void {
    this.#sides.clear();
    this.#cuts.clear();
  }

  /** Whether two processes run and messages get through between them. */
  isReachable(a: string, b: string): boolean {
    return this.#up.has(a) && this.#up.has(b) && this.#isOpen(a, b);
  }

  isConnected(a: string, b: string): boolean {
    return this.#lines.has(lineOf(a, b));
  }

  /** Those that `id` has a connection to. */
  peersOf(id: string): SimNode[] {
    return [...this.#up.values()].filter((node) => node.id !== id && this.isConnected(id, node.id));
  }

  /** Throws `NoAnswer` when `to` is not there. */
  async connect(from: SimNode, to: string): Promise<void> {
    if (this.isConnected(from.id, to)) return;
    await this.#delay(this.#latency());
    if (from.isDead) return NEVER;
    if (this.isReachable(from.id, to)) {
      this.#begin(from.id, to);
      return;
    }
    const isRefused = !this.#silent.has(to) && this.#isOpen(from.id, to);
    if (!isRefused) await this.#delay(CONNECT_TIMEOUT_MS);
    if (from.isDead) return NEVER;
    throw new NoAnswer(`${to} was not reached`, false);
  }

  /** As `Wire.request` does. */
  async request<T extends RequestType>(
    from: SimNode,
    to: string,
    request: RequestOf<T>,
    signal: AbortSignal,
  ): Promise<Answers[T]> {
    if (from.isDead) return NEVER;
    if (!this.isConnected(from.id, to)) {
      await orAborted(this.connect(from, to), signal, new NoAnswer('it could not be reached in time', false));
    }
    if (signal.aborted) throw new NoAnswer('there was no time left to ask it', false);
    return new Promise((resolve, reject) => {
      const line = lineOf(from.id, to);
      const leave = (error: Error): void => {
        this.#lines.get(line)?.delete(leave);
        signal.removeEventListener('abort', onAbort);
        if (!from.isDead) reject(error);
      };
      const onAbort = (): void => leave(new NoAnswer('it did not answer in time', true));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#lines.get(line)?.add(leave);
      void this.#exchange(from, to, request).then(
        (answer) => {
          this.#lines.get(line)?.delete(leave);
          signal.removeEventListener('abort', onAbort);
          if (!from.isDead) resolve(answer as Answers[T]);
        },
        (error: unknown) => leave(error instanceof Error ? error : new Error('no answer')),
      );
    });
  }

  /** A request lost on the way never resolves. */
  async #exchange(from: SimNode, to: string, request: RequestOf<RequestType>): Promise<Answers[RequestType]> {
    const sent = this.#isEncoded ? decodeRequest(encodeRequest(1, request)).request : request;
    await this.#delay(this.#latency());
    const target = this.#up.get(to);
    if (target === undefined || !this.isReachable(from.id, to)) return NEVER;
    let reply: () => Answers[RequestType];
    try {
      const answer = await target.serve(sent as StorageRequest, from.id);
      const encoded = this.#isEncoded ? encodeAnswer(1, request.type, answer as never) : null;
      reply = () => (encoded === null ? answer : decodeAnswer(encoded, request));
    } catch (error) {
      const isTold = error instanceof StorageError || error instanceof ReplicaError;
      const [code, message] = isTold ? [error.code, error.message] : ['unavailable', 'it cannot be used now'];
      reply = () => {
        throw new ReplicaError(code, message);
      };
    }
    if (target.isDead) return NEVER;
    await this.#delay(this.#latency());
    if (!this.#isOpen(from.id, to)) return NEVER;
    return reply();
  }

  #begin(a: string, b: string): void {
    this.#lines.set(lineOf(a, b), new Set());
    this.#up.get(a)?.members.connected(peerIdFromString(b));
    this.#up.get(b)?.members.connected(peerIdFromString(a));
  }

  /** The connection of two ends, after `ms`: unless it is another one by then. */
  #end(a: string, b: string, ms: number): void {
    const line = lineOf(a, b);
    const waiting = this.#lines.get(line);
    if (waiting === undefined) return;
    const end = (): void => {
      if (this.#lines.get(line) !== waiting) return;
      // it was only disturbed
      if (ms > 0 && this.isReachable(a, b)) return;
      this.#lines.delete(line);
      for (const leave of waiting) leave(new NoAnswer('the stream ended', true));
      this.#up.get(a)?.members.disconnected(peerIdFromString(b));
      this.#up.get(b)?.members.disconnected(peerIdFromString(a));
    };
    if (ms === 0) end();
    else this.#clock.setTimeout(end, ms);
  }

  #endUnreachable(): void {
    for (const line of this.#lines.keys()) {
      const [a = '', b = ''] = line.split(' ');
      if (!this.#isOpen(a, b)) this.#end(a, b, this.#silence());
    }
  }

  #isOpen(a: string, b: string): boolean {
    return (this.#sides.get(a) ?? 0) === (this.#sides.get(b) ?? 0) && !this.#cuts.has(lineOf(a, b));
  }

  #latency(): number {
    if (this.#random.below(SLOW_ONE_IN) === 0) return this.#random.below(SLOW_MAX_MS);
    return this.#random.pick(LATENCIES_MS);
  }

  #silence(): number {
    return SILENCE_MIN_MS + this.#random.below(SILENCE_MAX_MS - SILENCE_MIN_MS);
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimeout(resolve, ms);
    });
  }
}

function lineOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal, error: Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(error);
    signal.addEventListener('abort', leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
