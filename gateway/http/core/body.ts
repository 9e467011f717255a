import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../../core/errors.ts';
import type { Holding } from './byte-budget.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

export interface BodyInit {
  /** Bytes it may have. */
  readonly limit: number;
  /** The budget that received bytes count against: announced bytes do not count until they arrive. */
  readonly holding: Holding;
}

/** Reads a body to its end. Throws `too_large`, `overloaded`, and `bad_request` for one that is cut off. */
export async function readBody(payload: IncomingMessage, { limit, holding }: BodyInit): Promise<Buffer> {
  const tooLarge = (): GatewayError => new GatewayError('too_large', `the body may have ${limit} bytes`);
  if (Number(payload.headers['content-length'] ?? 0) > limit) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // the connection has to last for the answer, whatever that is
    for await (const chunk of payload.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.byteLength;
      if (length > limit) throw tooLarge();
      holding.add(chunk.byteLength);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw new GatewayError('bad_request', 'the body ended before it was complete');
  }
  return Buffer.concat(chunks, length);
}

/** Throws `bad_json`, also for what would overwrite prototypes. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    const text = utf8.decode(bytes);
    // a look at each value costs more than all the rest, and is hardly ever needed
    const isSuspect = text.includes('__proto__') || text.includes('\\u');
    return isSuspect ? JSON.parse(text, refusePrototypes) : JSON.parse(text);
  } catch {
    throw new GatewayError('bad_json', 'the body must be JSON in UTF-8');
  }
}

function refusePrototypes(name: string, value: unknown): unknown {
  if (name === '__proto__') throw new SyntaxError('a prototype');
  return value;
}
