import type { NodeCore, NodeService, ValuesOf } from '../../../../node/index.ts';
import type { ECHO_SETTINGS } from './settings.ts';

export const ECHO_PROTOCOL = '/maillon/echo/1';

export interface Echo extends NodeService {
  /** The answer of the peer with this id. */
  echo(peerId: string, bytes: Uint8Array): Promise<Uint8Array>;
}

export function create(core: NodeCore, settings: ValuesOf<typeof ECHO_SETTINGS>): Echo {
  let requests = 0;
  const maxBytes = settings['echo.maxBytes'];
  const exchange = core.exchange(
    {
      answer: (bytes) => {
        requests += 1;
        return bytes;
      },
    },
    {
      protocol: ECHO_PROTOCOL,
      questionMaxBytes: maxBytes,
      answerMaxBytes: maxBytes,
      timeoutMs: 5_000,
      answersAtOnce: 8,
      streamsPerConnection: 2,
    },
  );
  core.meter?.counter('maillon_echo_requests_total', 'Requests that were sent back.', () => requests);
  return {
    start: () => exchange.start(),
    stop: () => exchange.stop(),
    echo: (peerId, bytes) => {
      const peer = core.network.getPeers().find((one) => one.toString() === peerId);
      if (peer === undefined) throw new Error(`${peerId} is not connected`);
      return exchange.ask(peer, bytes, AbortSignal.timeout(5_000));
    },
  };
}
