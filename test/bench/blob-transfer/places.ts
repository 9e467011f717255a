import { type Swarm, until } from '../../sim/storage/swarm.ts';
import { Transfers } from './transfers.ts';

/** As many as there are replicas: each is home of everything. */
export const NODES = 3;
const COPIES_PATIENCE_MS = 600_000;

/** Clients of the two gateways: files go in at the first and come out at the second. */
export function gatewaysOf({ gateways }: Swarm): [Transfers, Transfers] {
  const [from, to] = gateways.map(({ url }) => new Transfers(url));
  if (from === undefined || to === undefined) throw new Error('the swarm has too few gateways');
  return [from, to];
}

/** Milliseconds until every home has all of it. */
export function untilCopied(at: Transfers, key: string): Promise<number> {
  return until(`${NODES} whole copies`, async () => (await at.wholeCopies(key)) >= NODES, COPIES_PATIENCE_MS);
}
