import { z } from 'zod';
import type { NodeStatus, NodeView } from '../../../node/index.ts';
import type { Clock } from '../../../protocols/common/clock.ts';
import { GatewayError } from '../../core/errors.ts';
import { errorResponses, timeSchema } from '../../core/schemas.ts';
import type { Context } from '../core/context.ts';
import { isoTime, NANOSECONDS_PER_MS } from '../core/go-time.ts';
import type { Routes } from '../core/routes.ts';

export const networkStatusSchema = z
  .object({
    node_id: z.string(),
    peer_id: z.string(),
    connected: z.boolean().describe('whether it has a peer'),
    peer_count: z.int(),
    database_size: z.int().describe('bytes; 0 until databases exist'),
    uptime: z.int().describe('nanoseconds'),
  })
  .meta({ id: 'NetworkStatus' });

const peerSchema = z
  .object({
    id: z.string(),
    addresses: z.array(z.string()),
    connected: z.boolean(),
    last_seen: z.string().describe('RFC 3339'),
    agent: z.string().nullable(),
    direction: z.enum(['inbound', 'outbound']).nullable(),
    score: z.number(),
    mesh_shards: z.array(z.int()),
  })
  .meta({ id: 'Peer' });

const nodeSchema = z
  .object({
    id: z.string().describe('peer id'),
    addresses: z.array(z.string()),
    role: z.enum(['full', 'light']),
    version: z.string(),
    generation: z.int().describe('of the shard layout'),
    shards: z.array(z.int()).describe('to which it subscribes'),
    storageBytes: z.number().describe('offered for storage; 0 while it stores nothing'),
    operator: z.string().describe('DID of its operator, proven by a delegation; empty for none'),
    isReady: z.boolean().describe('whether it has its share of what its operator sponsors'),
    announcedAt: timeSchema,
    expiresAt: timeSchema,
    lastSeen: timeSchema.describe('when this node was last connected with it; 0 for never'),
    reach: z
      .enum(['direct', 'relayed'])
      .nullable()
      .describe('how it was reached when dialled back; null while it was not, and it is then only hearsay'),
    isSelf: z.boolean(),
  })
  .meta({ id: 'Node', description: 'A node of the swarm as it announced itself' });

const tags = ['network'];
const statusRoute = {
  summary: 'This node in the network',
  tags,
  response: { 200: networkStatusSchema, ...errorResponses },
};
const peersRoute = {
  summary: 'Peers, connected ones first',
  tags,
  querystring: z.object({
    format: z.enum(['object', 'array']).optional().describe('`array`: a bare array, as older clients expect'),
  }),
  response: {
    200: z.union([z.object({ peers: z.array(peerSchema) }), z.array(peerSchema)]),
    ...errorResponses,
  },
};

const nodesRoute = {
  summary: "The swarm's directory: this node, then those it reached, then hearsay",
  tags,
  querystring: z.object({
    reach: z
      .enum(['direct', 'relayed', 'any'])
      .optional()
      .describe('only nodes that were reached so; `any`, the default: all, hearsay too'),
  }),
  response: { 200: z.object({ nodes: z.array(nodeSchema) }), ...errorResponses },
};

const okSchema = z.object({ status: z.literal('ok') });
const PEER_TEXT_MAX_LENGTH = 512;
const peerText = z.string().min(1).max(PEER_TEXT_MAX_LENGTH);
const connectRoute = {
  summary: 'Connect this node to a peer: for the operator, or an API key of its that grants admin',
  operationId: 'connectPeer',
  tags,
  body: z.object({
    multiaddr: peerText.optional().describe('address of a peer, ends in /p2p/<peer id>'),
    peer_addr: peerText.optional().describe('the same, as other clients call it'),
  }),
  response: { 200: okSchema, ...errorResponses },
};
const disconnectRoute = {
  summary: 'Close the connections with a peer, which may come again: for whom the above is',
  operationId: 'disconnectPeer',
  tags,
  body: z.object({ peer_id: peerText }),
  response: { 200: okSchema, ...errorResponses },
};

/** Routes that show and change the node's connections. */
export function directoryRoutes(app: Routes, context: Pick<Context, 'node' | 'clock'>): void {
  viewRoutes(app, context);
  actRoutes(app, context);
}

function actRoutes(app: Routes, { node }: Pick<Context, 'node'>): void {
  const config = { needs: 'admin' as const };
  app.post('/v1/network/connect', { config, schema: connectRoute }, async (request, reply) => {
    const { multiaddr, peer_addr: other } = request.body;
    const address = multiaddr ?? other;
    if (address === undefined) throw new GatewayError('bad_request', 'missing multiaddr');
    request.audited = { peer: address };
    await node.connect(address);
    return reply.send({ status: 'ok' });
  });

  app.post('/v1/network/disconnect', { config, schema: disconnectRoute }, async (request, reply) => {
    const { peer_id: peer } = request.body;
    request.audited = { peer };
    await node.disconnect(peer);
    return reply.send({ status: 'ok' });
  });
}

function viewRoutes(app: Routes, { node, clock }: Pick<Context, 'node' | 'clock'>): void {
  app.get('/v1/network/status', { schema: statusRoute }, async () => networkStatus(node.status(), clock));

  app.get('/v1/network/peers', { schema: peersRoute }, async ({ query }) => {
    const peers = (await node.peers()).map((peer) => ({
      id: peer.id,
      addresses: [...peer.addresses],
      connected: peer.connected,
      last_seen: isoTime(peer.lastSeen),
      agent: peer.agent,
      direction: peer.direction,
      score: peer.score,
      mesh_shards: [...peer.meshShards],
    }));
    return query.format === 'array' ? peers : { peers };
  });

  app.get('/v1/network/nodes', { schema: nodesRoute }, async ({ query }) => {
    const { reach = 'any' } = query;
    const nodes = node.nodes().filter((one) => reach === 'any' || one.reach === reach);
    return { nodes: nodes.map(copyNode) };
  });
}

function copyNode(node: NodeView): z.output<typeof nodeSchema> {
  return { ...node, addresses: [...node.addresses], shards: [...node.shards] };
}

export function networkStatus(status: NodeStatus, clock: Clock): z.output<typeof networkStatusSchema> {
  return {
    node_id: status.peerId,
    peer_id: status.peerId,
    connected: status.peers > 0,
    peer_count: status.peers,
    database_size: 0,
    uptime: Math.max(0, clock.now() - status.startedAt) * NANOSECONDS_PER_MS,
  };
}
