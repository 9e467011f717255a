import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import type { Network } from '../libp2p.ts';

const DIAL_TIMEOUT_MS = 5_000;

/** Dials a peer at some addresses. Throws when it does not answer in time, or `signal` says so. */
export async function dialPeer(network: Network, addresses: Multiaddr[], signal: AbortSignal): Promise<void> {
  await network.dial(addresses, { signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]) });
}

/** Connects to the peer at `target`. Throws `dial_failed`. */
export async function dialNamed(network: Network, target: Multiaddr): Promise<void> {
  try {
    await dialPeer(network, [target], new AbortController().signal);
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
