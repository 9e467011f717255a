import type { PeerId } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { CodedError } from '../../protocols/common/errors.ts';
import type { Network } from '../network/libp2p.ts';
import { type DialContext, explainDial } from './dial-fault.ts';

/** For a look at what listens at an address that could not be dialled. */
const LOOK_MS = 2_000;

/** Connects to the peer at `target`. `signal` ends the wait for it. Throws `dial_failed`. */
export async function dialNamed(
  network: Network,
  target: Multiaddr,
  { signal, ...context }: Omit<DialContext, 'peerId'> & { readonly signal: AbortSignal },
): Promise<void> {
  try {
    await network.dial(target, { signal });
  } catch (cause) {
    const look = { ...context, peerId: network.peerId.toString(), signal: AbortSignal.timeout(LOOK_MS) };
    const { reason, next } = await explainDial(cause, target, look);
    throw new CodedError('dial_failed', `${target.toString()}: ${reason} (${next})`, undefined, { cause });
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
