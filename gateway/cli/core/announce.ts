import type { NodeStatus } from '../../../node/index.ts';
import { bold, say, sayJson } from './terminal.ts';

export interface Ready {
  /** The gateway's, the best first; none when there is no gateway. */
  readonly urls: readonly string[];
  /** The admin listener's, or null without an admin listener. */
  readonly admin: string | null;
  readonly status: NodeStatus;
  readonly bootstrapPeer: boolean;
  readonly json: boolean;
}

/**
 * Says on standard output that a node is up: the gateway's URL alone on the first line, then the addresses
 * others join through if it is a bootstrap peer, then, to a person, what to try.
 */
export function announce({ urls, admin, status, bootstrapPeer, json }: Ready): void {
  const url = urls[0] ?? null;
  if (json) {
    const { peerId, author, role, swarm, addresses } = status;
    sayJson({
      ready: true,
      url,
      urls,
      admin,
      peerId,
      author,
      role,
      swarm,
      multiaddrs: addresses,
      pid: process.pid,
    });
    return;
  }
  if (url !== null) say(url);
  if (bootstrapPeer) say(joinAddresses(status.addresses).join(','));
  if (process.stdout.isTTY && url !== null) say(nextSteps(url, urls.slice(1), admin));
}

const LOOPBACK = /^\/(ip4\/127\.|ip6\/::1\/)/;

/** Addresses to give to others: without the loopback addresses, unless there are no others. */
export function joinAddresses(addresses: readonly string[]): readonly string[] {
  const reachable = addresses.filter((address) => !LOOPBACK.test(address));
  return reachable.length > 0 ? reachable : addresses;
}

function nextSteps(url: string, others: readonly string[], admin: string | null): string {
  const also = others.length === 0 ? '' : `${bold('Also at')}    ${others.join(', ')}\n`;
  return `
${also}${bold('Listen')}     curl -N '${url}/v1/pubsub/sse?topic=news'
${bold('Publish')}    curl ${url}/v1/pubsub/publish -H 'content-type: application/json' \\
             -d '{"topic":"news","data_base64":"aGVsbG8="}'
${bold('Look')}       curl ${url}/v1/status        API: ${url}/openapi.json
${admin === null ? '' : `${bold('Operate')}    curl ${admin}/metrics\n`}${bold('Stop')}       Ctrl-C
`;
}
