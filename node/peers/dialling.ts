import type { PeerId } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import type { Network } from '../libp2p.ts';

/** Connects to the peer at `target`. `signal` ends the wait for it. Throws `dial_failed`. */
export async function dialNamed(network: Network, target: Multiaddr, signal: AbortSignal): Promise<void> {
  try {
    await network.dial(target, { signal });
  } catch (error) {
    const message = `${target.toString()} did not answer: ${errorMessage(error)}`;
    throw new CodedError('dial_failed', message, undefined, { cause: error });
  }
}

/** A multiaddr that ends in a peer id, so that whoever answers is who was meant. Throws `bad_address`. */
export function parsePeerAddress(address: string): Multiaddr {
  const parsed = parseMultiaddr(address);
  const last = parsed.getComponents().at(-1);
  if (last?.name !== 'p2p') throw new CodedError('bad_address', `${address} must end in /p2p/<peer id>`);
  parsePeerId(last.value ?? '');
  return parsed;
}

function parseMultiaddr(address: string): Multiaddr {
  try {
    return multiaddr(address);
  } catch (error) {
    throw new CodedError('bad_address', `${address} is not a multiaddr`, undefined, { cause: error });
  }
}

/** Throws `bad_address`. */
export function parsePeerId(text: string): PeerId {
  try {
    return peerIdFromString(text);
  } catch (error) {
    throw new CodedError('bad_address', `${text} is no peer id`, undefined, { cause: error });
  }
}
