import { z } from 'zod';
import type { Context } from '../context.ts';
import { errorResponses } from '../schemas.ts';
import { goDuration, isoTime, NANOSECONDS_PER_MS } from './go-time.ts';
import { networkStatus, networkStatusSchema } from './network.ts';
import { Prober } from './probes.ts';
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

const statusSchema = z.object({
  server: z.object(uptimeFields),
  network: networkStatusSchema,
  node: z.record(z.string(), z.unknown()).describe("the node's own account of itself"),
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

export function healthRoutes(app: Routes, context: Context): void {
  const { node, build, clock, startedAt } = context;
  const prober = new Prober(context);
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
      return { server: uptime(), network: networkStatus(status, clock), node: { ...status } };
    });
  }

  app.get('/v1/version', { schema: versionRoute }, async () => {
    const { version, commit, builtAt } = build;
    return { version, commit, build_time: builtAt, ...uptime() };
  });
}
