import { decodeMessage } from './codec.ts';
import { MESSAGE_LIMIT_MIN_BYTES, MESSAGE_MAX_BYTES } from './constants.ts';
import { ReconciliationError } from './errors.ts';
import type { ReconciliationMetrics } from './metrics.ts';
import type { ReconcileSet } from './ordered-set.ts';
import { type Differences, Turn, type TurnInit } from './turn.ts';

export interface InitiatorComponents {
  readonly set: ReconcileSet;
  readonly metrics: ReconciliationMetrics;
}

export interface InitiatorInit {
  /** The largest message, of both sides: MESSAGE_LIMIT_MIN_BYTES to MESSAGE_MAX_BYTES. */
  readonly maxBytes: number;
}

/** Result of a message. */
export interface Step extends Differences {
  /** The next message; null when all differences are known. */
  readonly message: Uint8Array | null;
}

/**
 * Its own lists are answered with lists, and it learns nothing from them: it asks with fingerprints as long as it holds
 * anything of a range.
 */
const SHAPE = { listMax: 0, partItems: 4 } as const;

/**
 * The side that asks, and learns. It keeps nothing between two messages: the set may change, and who begins again pays for what
 * is still different. Nothing bounds how often the other side goes on: whoever drives it does.
 */
export class Initiator {
  readonly #components: InitiatorComponents;
  readonly #init: TurnInit;

  constructor(components: InitiatorComponents, { maxBytes }: InitiatorInit) {
    checkLimit(maxBytes);
    this.#components = components;
    this.#init = { ...SHAPE, maxBytes };
  }

  /** The first message. */
  start(): Uint8Array {
    const { set, metrics } = this.#components;
    metrics.sessions += 1;
    return this.#sent(new Turn(set, this.#init).open());
  }

  /** Takes the answer to the last message. Throws `ReconciliationError`. */
  receive(message: Uint8Array): Step {
    const { set, metrics } = this.#components;
    const differences: Differences = { have: [], need: [] };
    const ranges = received(metrics, message, this.#init.maxBytes);
    const next = new Turn(set, this.#init).ask(ranges, differences);
    return { ...differences, message: next && this.#sent(next) };
  }

  #sent(message: Uint8Array): Uint8Array {
    const { metrics } = this.#components;
    metrics.messagesSent += 1;
    metrics.bytesSent += message.byteLength;
    return message;
  }
}

/** Throws `RangeError`. */
export function checkLimit(maxBytes: number): void {
  if (maxBytes < MESSAGE_LIMIT_MIN_BYTES || maxBytes > MESSAGE_MAX_BYTES) {
    throw new RangeError(
      `a message's limit must be ${MESSAGE_LIMIT_MIN_BYTES} to ${MESSAGE_MAX_BYTES} bytes`,
    );
  }
}

/** Reads and counts a message. */
export function received(
  metrics: ReconciliationMetrics,
  message: Uint8Array,
  maxBytes: number,
): ReturnType<typeof decodeMessage> {
  metrics.messagesReceived += 1;
  metrics.bytesReceived += message.byteLength;
  try {
    return decodeMessage(message, maxBytes);
  } catch (error) {
    if (error instanceof ReconciliationError) metrics.refused[error.code] += 1;
    throw error;
  }
}
