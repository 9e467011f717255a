import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Probe } from '../../../node/index.ts';
import { errorResponses, timeSchema } from '../../core/schemas.ts';
import type { Context } from '../core/context.ts';
import { goDuration, isoTime, NANOSECONDS_PER_MS } from '../core/go-time.ts';
import type { Prober } from '../core/probes.ts';
import type { Routes } from '../core/routes.ts';
import { networkStatus, networkStatusSchema } from '../directory/network.ts';

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
    operator: z
      .object({
        did: z.string(),
        invitedBy: z.string().nullable().describe('peer id; null where this machine holds the key'),
        endsAt: timeSchema.nullable().describe('when the delegation to this node ends unless renewed'),
        fault: z.string().nullable(),
      })
      .describe('on whose behalf it acts: whose namespaces are named without an owner'),
    version: z.string(),
    startedAt: timeSchema,
    addresses: z.array(z.string()),
    peers: counter,
    bootstrap: z
      .array(
        z.object({
          address: z.string(),
          state: z.enum(['connected', 'dialling', 'failed']),
          fault: z.object({ code: z.string(), reason: z.string(), next: z.string() }).nullable(),
        }),
      )
      .describe('each address of the setting, and why it does not lead to a peer'),
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
    storage: z
      .object({
        records: counter,
        blobs: z.object({ count: counter, bytes: counter }),
        uploads: z.object({ count: counter, bytes: counter }).describe('under way'),
        capacityBytes: counter.describe('offered; 0 at a node that keeps nothing'),
        usedBytes: counter.describe('records and blobs'),
        availableBytes: counter.describe('that may still come'),
      })
      .describe('what it stores'),
    directory: z
      .object({ nodes: counter, direct: counter, relayed: counter, owners: counter })
      .describe('other nodes announced, those reached when dialled back, and those of other owners'),
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
  /** Whether the requester is the operator, who alone is told the details. */
  readonly isOperator: (request: FastifyRequest) => boolean;
}

export function healthRoutes(
  app: Routes,
  { node, build, clock, startedAt, prober, isOperator }: HealthComponents,
): void {
  const uptime = () => ({ started_at: isoTime(startedAt), uptime: goDuration(clock.now() - startedAt) });

  app.get('/livez', { schema: liveRoute }, async () => ({ status: 'ok' as const }));

  app.get('/readyz', { schema: readyRoute }, async (request, reply) => {
    const { ready, probes: all } = await prober.probe();
    const probes = all.map((probe) => shown(probe, isOperator(request)));
    return reply.code(ready ? 200 : 503).send({ ready, probes });
  });

  for (const path of ['/health', '/v1/health']) {
    app.get(path, { schema: healthRoute }, async (request, reply) => {
      const { ready, probes: all, tookMs } = await prober.probe();
      const probes = all.map((probe) => shown(probe, isOperator(request)));
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
      const bootstrap = [...status.bootstrap];
      const account = {
        ...status,
        addresses: [...addresses],
        mesh: [...mesh],
        relay: { ...relay },
        bootstrap,
      };
      return { server: uptime(), network: networkStatus(status, clock), node: account };
    });
  }

  app.get('/v1/version', { schema: versionRoute }, async () => {
    const { version, commit, builtAt } = build;
    return { version, commit, build_time: builtAt, ...uptime() };
  });
}

/** A probe as the requester may see it. */
function shown({ name, ok, detail, operatorDetail }: Probe, isOperator: boolean) {
  return { name, ok, detail: isOperator ? (operatorDetail ?? detail) : detail };
}
