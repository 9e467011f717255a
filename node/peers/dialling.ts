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

/** A multiaddr with a peer id, so that whoever answers is who was meant. Throws `bad_address`. */
export function parsePeerAddress(address: string): Multiaddr {
  try {
    const parsed = multiaddr(address);
    if (parsed.getComponents().some((component) => component.name === 'p2p')) return parsed;
  } catch (error) {
    throw new CodedError('bad_address', `${address} is not a multiaddr`, undefined, { cause: error });
  }
  throw new CodedError('bad_address', `${address} must end in /p2p/<peer id>`);
}

/** Throws `bad_address`. */
export function parsePeerId(text: string): PeerId {
  try {
    return peerIdFromString(text);
  } catch (error) {
    throw new CodedError('bad_address', `${text} is no peer id`, undefined, { cause: error });
  }
}
