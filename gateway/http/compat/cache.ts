/** The cache of DeBros clients of the second generation (E2): JSON values in named maps, kept as records. */

import { z } from 'zod';
import type { RecordName, Storage, StoredRecord } from '../../../node/index.ts';
import { systemClock } from '../../../protocols/common/clock.ts';
import { ConcurrencyLimit } from '../../../protocols/common/concurrency-limit.ts';
import { VALUE_MAX_BYTES } from '../../../protocols/storage/constants.ts';
import { parseTtl } from '../../core/duration.ts';
import { GatewayError } from '../../core/errors.ts';
import {
  JSON_OVERHEAD_BYTES,
  LIST_MAX,
  MGET_KEYS_MAX,
  MGET_MAX_BYTES,
  MGET_PARALLEL,
  PATTERN_MAX_LENGTH,
  SCAN_KEYS_MAX,
  SCANS_PER_NAMESPACE,
} from '../../core/limits.ts';
import { oneNamespace } from '../../core/names.ts';
import { DEFAULT_NAMESPACE, errorResponses, namespaceSchema } from '../../core/schemas.ts';
import type { Routes } from '../core/routes.ts';
import type { StorageContext } from '../kv/storage-context.ts';
import { wholeValue } from '../kv/whole-value.ts';
import type { KeyFilter } from './key-filter.ts';

/** Where the entries are among the namespace's other keys. */
const PREFIX = 'cache/';
const JSON_TYPE = 'application/json';

const tags = ['cache', 'debros'];
/** They only read, whatever their method. */
const reading = { needs: 'read' as const, readsNamespace: 'values' as const };
const querystring = z.object({ namespace: namespaceSchema.optional() });
const nameFields = {
  dmap: z.string().min(1).describe('name of the map'),
  namespace: namespaceSchema.optional(),
};
const keyField = z.string().min(1).describe('with the name of the map some 1000 bytes at most');
const entryBody = z.object({ ...nameFields, key: keyField });

const healthSchema = {
  summary: 'Whether the cache can be used',
  tags,
  response: { 200: z.object({ status: z.literal('ok'), service: z.string() }), ...errorResponses },
};
const putSchema = {
  summary: 'Keep a JSON value',
  tags,
  querystring,
  body: entryBody.extend({
    value: z.unknown().describe('any JSON'),
    ttl: z.string().nullish().describe('a duration like 90s, 30m, 1h30m; or seconds; for ever when missing'),
  }),
  response: {
    200: z.object({ status: z.literal('ok'), key: z.string(), dmap: z.string() }),
    ...errorResponses,
  },
};
const getSchema = {
  summary: 'Read a JSON value',
  tags,
  querystring,
  body: entryBody,
  response: { 200: z.object({ key: z.string(), value: z.unknown(), dmap: z.string() }), ...errorResponses },
};
const deleteSchema = {
  summary: 'Delete a value',
  tags,
  querystring,
  body: entryBody,
  response: putSchema.response,
};
const mgetSchema = {
  summary: 'Read several values; those that are not there are left out',
  tags,
  querystring,
  body: z.object({ ...nameFields, keys: z.array(keyField).max(MGET_KEYS_MAX) }),
  response: {
    200: z.object({
      results: z.array(z.object({ key: z.string(), value: z.unknown() })),
      dmap: z.string(),
    }),
    ...errorResponses,
  },
};
const scanSchema = {
  summary: 'Keys of a map',
  tags,
  querystring,
  body: z.object({
    ...nameFields,
    match: z
      .string()
      .optional()
      .describe(
        `a regular expression that any part of a key matches, at most ${PATTERN_MAX_LENGTH} characters; ` +
          'with the syntax of RE2',
      ),
  }),
  response: {
    200: z.object({ keys: z.array(z.string()), count: z.int(), dmap: z.string() }),
    ...errorResponses,
  },
};

interface MapName {
  readonly namespace: string;
  readonly dmap: string;
}

export function cacheRoutes(app: Routes, { storage, holdValue }: StorageContext): void {
  const bodyLimit = VALUE_MAX_BYTES + JSON_OVERHEAD_BYTES;
  const scans = new ConcurrencyLimit({ maxPerKey: SCANS_PER_NAMESPACE });

  app.get('/v1/cache/health', { schema: healthSchema }, async () => {
    // throws where there is no storage to keep it
    storage.status();
    return { status: 'ok' as const, service: 'maillon' };
  });

  app.post('/v1/cache/put', { schema: putSchema, bodyLimit }, async ({ body, query, acting }) => {
    const { key, dmap, value, ttl } = body;
    if (value === undefined) throw new GatewayError('bad_request', 'value: is missing');
    const bytes = Buffer.from(JSON.stringify(value));
    const ttlMs = ttl === undefined || ttl === null || ttl === '' ? {} : { ttlMs: parseTtl(ttl) };
    await acting.storage.put(entryName(mapOf(body, query), key), bytes, { contentType: JSON_TYPE, ...ttlMs });
    return { status: 'ok' as const, key, dmap };
  });

  app.post(
    '/v1/cache/get',
    { config: reading, schema: getSchema },
    async ({ body, query, acting }, reply) => {
      const { key, dmap } = body;
      const record = await acting.storage.get(entryName(mapOf(body, query), key));
      if (record === null) throw notFound();
      holdValue(reply, record.size);
      return { key, value: await jsonOf(record), dmap };
    },
  );

  app.post('/v1/cache/delete', { schema: deleteSchema }, async ({ body, query, acting }) => {
    const { key, dmap } = body;
    const name = entryName(mapOf(body, query), key);
    if ((await acting.storage.get(name)) === null) throw notFound();
    await acting.storage.delete(name);
    return { status: 'ok' as const, key, dmap };
  });

  app.post(
    '/v1/cache/mget',
    { config: reading, schema: mgetSchema },
    async ({ body, query, acting }, reply) => {
      holdValue(reply, MGET_MAX_BYTES);
      return { results: await readAll(acting.storage, mapOf(body, query), body.keys), dmap: body.dmap };
    },
  );

  app.post('/v1/cache/scan', { config: reading, schema: scanSchema }, async ({ body, query, acting }) => {
    const filter = body.match === undefined ? null : await filterOf(body.match);
    const map = mapOf(body, query);
    const find = () => scan(acting.storage, map, filter);
    const keys = await (filter === null ? find() : limited(scans, map.namespace, find));
    return { keys, count: keys.length, dmap: body.dmap };
  });
}

function mapOf(
  body: { dmap: string; namespace?: string | undefined },
  query: z.output<typeof querystring>,
): MapName {
  return { namespace: oneNamespace(query.namespace, body.namespace) ?? DEFAULT_NAMESPACE, dmap: body.dmap };
}

/** Prefix of all keys of a map. The map's name is escaped, so that no two names and keys are the same together. */
export function mapPrefix(dmap: string): string {
  return `${PREFIX}${dmap.replaceAll('%', '%25').replaceAll('/', '%2F')}/`;
}

function entryName({ namespace, dmap }: MapName, key: string): RecordName {
  return { owner: '', namespace, key: mapPrefix(dmap) + key };
}

function notFound(): GatewayError {
  return new GatewayError('not_found', 'key not found');
}

/** Somebody may have stored something else under the key by another route. */
async function jsonOf(record: StoredRecord): Promise<unknown> {
  const value = await wholeValue(record, VALUE_MAX_BYTES);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value));
  } catch {
    throw new GatewayError('not_found', 'what is stored under this key is no JSON');
  }
}

/** In the order asked for, a few at a time. */
async function readAll(
  storage: Pick<Storage, 'get'>,
  map: MapName,
  keys: readonly string[],
): Promise<{ key: string; value: unknown }[]> {
  const results: { key: string; value: unknown }[] = [];
  let bytes = 0;
  for (let at = 0; at < keys.length; at += MGET_PARALLEL) {
    const some = keys.slice(at, at + MGET_PARALLEL);
    const records = await Promise.all(some.map((key) => storage.get(entryName(map, key))));
    for (const [index, record] of records.entries()) {
      if (record === null) continue;
      bytes += record.size;
      if (bytes > MGET_MAX_BYTES) {
        throw new GatewayError(
          'too_large',
          `the values exceed ${MGET_MAX_BYTES} bytes: ask for fewer at once`,
        );
      }
      results.push({ key: some[index] ?? '', value: await jsonOf(record) });
    }
  }
  return results;
}

/** Loads what matches with the first scan that needs it. Throws `bad_pattern`. */
async function filterOf(match: string): Promise<KeyFilter> {
  const { KeyFilter } = await import('./key-filter.ts');
  return new KeyFilter({ clock: systemClock }, match);
}

/** Does `work` where the namespace has no other under way. Throws `rate_limited`. */
async function limited<T>(scans: ConcurrencyLimit, namespace: string, work: () => Promise<T>): Promise<T> {
  const release = scans.tryAcquire(namespace);
  if (release === null) {
    const message = 'another scan of this namespace with match is under way: try again when it is over';
    throw new GatewayError('rate_limited', message, { limit: 'gateway.scans' });
  }
  try {
    return await work();
  } finally {
    release();
  }
}

async function scan(
  storage: Pick<Storage, 'list'>,
  map: MapName,
  filter: KeyFilter | null,
): Promise<string[]> {
  const { namespace, dmap } = map;
  const prefix = mapPrefix(dmap);
  const keys: string[] = [];
  let seen = 0;
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await storage.list({
      owner: '',
      namespace,
      prefix,
      limit: LIST_MAX,
      ...(cursor === undefined ? {} : { cursor }),
    });
    ({ cursor } = page);
    seen += page.entries.length;
    if (seen > SCAN_KEYS_MAX || (seen === SCAN_KEYS_MAX && cursor !== null)) {
      throw new GatewayError(
        'too_large',
        `the map has more than ${SCAN_KEYS_MAX} keys: page through it with GET /v1/kv/${namespace}`,
      );
    }
    for (const entry of page.entries) {
      const key = entry.key.slice(prefix.length);
      if (filter === null || (await filter.takes(key))) keys.push(key);
    }
  }
  return keys;
}
