import { z } from 'zod';
import type { Context } from '../context.ts';
import { errorResponses, timeSchema } from '../schemas.ts';
import { goDuration, isoTime, NANOSECONDS_PER_MS } from './go-time.ts';
import { networkStatus, networkStatusSchema } from './network.ts';
import type { Prober } from './probes.ts';
import type { Routes } from './routes.ts';

const uptimeFields = {
  started_at: z.string().describe('RFC 3339'),
  uptime: z.string().describe('as Go prints a duration: 1h2m3.5s'),
};

const healthSchema = z.object({
  status: z.enum(['ok', 'degraded']),
  server: z.object({ status: z.literal('ok'), ...uptimeFields }),
  client: z.object({
    status: z.enum(['healthy', 'unhealthy']),
    checks: z.record(z.string(), z.string()),
    last_updated: z.string(),
    response_time: z.int().describe('nanoseconds'),
  }),
});

const readinessSchema = z.object({
  ready: z.boolean(),
  probes: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});

const counter = z.int().min(0);

const nodeSchema = z
  .looseObject({
    peerId: z.string(),
    author: z.string().describe('did:key under which it signs'),
    role: z.enum(['full', 'light']),
    swarm: z.string(),
    version: z.string(),
    startedAt: timeSchema,
    addresses: z.array(z.string()),
    peers: counter,
    mesh: z.array(counter).describe('mesh peers per shard'),
    relay: z.looseObject({
      copiesReceived: counter,
      envelopesAccepted: counter,
      messagesDelivered: counter,
      envelopesPublished: counter,
      messagesPublished: counter,
      bytesAccepted: counter,
      refused: z.record(z.string(), counter),
      waiting: counter,
      subscriptions: counter,
    }),
    eventLoop: z
      .object({ p50Ms: z.number(), p99Ms: z.number(), maxMs: z.number(), utilisation: z.number() })
      .describe('how late timers were in the last seconds, and how busy the process, 0 to 1'),
    memory: z.object({ rssBytes: counter, heapBytes: counter }),
    disk: z
      .object({ dataBytes: counter.nullable(), freeBytes: counter.nullable() })
      .describe('the data directory and what is left on its file system; null where it cannot be read'),
    directory: z
      .object({ nodes: counter, direct: counter, relayed: counter })
      .describe('other nodes announced, and those reached when dialled back'),
    recovery: z
      .object({ asOf: timeSchema, state: z.enum(['reconciling', 'alone']) })
      .nullable()
      .describe('of a node that was restored from a backup, until it has reconciled with other replicas'),
  })
  .meta({ id: 'NodeStatus', description: "The node's own account of itself" });

const statusSchema = z.object({
  server: z.object(uptimeFields),
  network: networkStatusSchema,
  node: nodeSchema,
});

const versionSchema = z.object({
  version: z.string(),
  commit: z.string(),
  build_time: z.string(),
  ...uptimeFields,
});

const tags = ['health'];
const healthRoute = {
  summary: 'Health, in the shape of DeBros; 503 when a probe fails',
  tags,
  response: { 200: healthSchema, 503: healthSchema, ...errorResponses },
};
const statusRoute = {
  summary: 'Server and network status',
  tags,
  response: { 200: statusSchema, ...errorResponses },
};
const versionRoute = {
  summary: 'Which program this is',
  tags,
  response: { 200: versionSchema, ...errorResponses },
};
const liveRoute = {
  summary: 'Whether the process answers at all',
  tags,
  response: { 200: z.object({ status: z.literal('ok') }), ...errorResponses },
};
const readyRoute = {
  summary: 'Whether it can serve now: probes the node and the gateway',
  tags,
  response: { 200: readinessSchema, 503: readinessSchema, ...errorResponses },
};

export interface HealthComponents extends Pick<Context, 'node' | 'build' | 'clock' | 'startedAt'> {
  readonly prober: Prober;
}

export function healthRoutes(app: Routes, { node, build, clock, startedAt, prober }: HealthComponents): void {
  const uptime = () => ({ started_at: isoTime(startedAt), uptime: goDuration(clock.now() - startedAt) });

  app.get('/livez', { schema: liveRoute }, async () => ({ status: 'ok' as const }));

  app.get('/readyz', { schema: readyRoute }, async (_request, reply) => {
    const { ready, probes } = await prober.probe();
    return reply.code(ready ? 200 : 503).send({ ready, probes });
  });

  for (const path of ['/health', '/v1/health']) {
    app.get(path, { schema: healthRoute }, async (_request, reply) => {
      const { ready, probes, tookMs } = await prober.probe();
      const client = {
        status: ready ? ('healthy' as const) : ('unhealthy' as const),
        checks: Object.fromEntries(probes.map(({ name, ok, detail }) => [name, ok ? 'ok' : detail])),
        last_updated: isoTime(clock.now()),
        response_time: Math.round(tookMs * NANOSECONDS_PER_MS),
      };
      const server = { status: 'ok' as const, ...uptime() };
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : 'degraded', server, client });
    });
  }

  for (const path of ['/status', '/v1/status']) {
    app.get(path, { schema: statusRoute }, async () => {
      const status = node.status();
      const { addresses, mesh, relay } = status;
      const account = { ...status, addresses: [...addresses], mesh: [...mesh], relay: { ...relay } };
      return { server: uptime(), network: networkStatus(status, clock), node: account };
    });
  }

  app.get('/v1/version', { schema: versionRoute }, async () => {
    const { version, commit, builtAt } = build;
    return { version, commit, build_time: builtAt, ...uptime() };
  });
}
