/** Values as 4NK clients store and read them: hex under a 32-byte key, once. Every answer is `{message}`. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { PutOptions, RecordName, Storage } from '../../../node/index.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { VALUE_MAX_BYTES } from '../../../protocols/storage/constants.ts';
import { GatewayError } from '../../core/errors.ts';
import { HEX_BODY_MAX_BYTES } from '../../core/limits.ts';
import { ownPlace } from '../core/credentials.ts';
import { describeError } from '../core/error-handler.ts';
import type { Routes } from '../core/routes.ts';
import type { StorageContext } from '../kv/storage-context.ts';
import { wholeValue } from '../kv/whole-value.ts';

const HEX_KEY = /^[0-9a-fA-F]{64}$/;
const HEX = /^([0-9a-fA-F]{2})*$/;
const TTL_MIN_SECONDS = 60;
const TTL_MAX_SECONDS = 31_536_000;

const keySchema = z
  .string()
  .regex(HEX_KEY, 'must be 64 hexadecimal digits')
  .meta({ pattern: HEX_KEY.source, description: '32 bytes in hex; upper and lower case are the same' });
const valueSchema = z
  .string()
  .regex(HEX, 'must be hexadecimal')
  .refine((hex) => hex.length <= 2 * VALUE_MAX_BYTES, `must have at most ${VALUE_MAX_BYTES} bytes`)
  .meta({ pattern: HEX.source, maxLength: 2 * VALUE_MAX_BYTES });
const messageSchema = z.object({ message: z.string() });
const failures = { '4xx': messageSchema, '5xx': messageSchema };

const tags = ['4nk'];
const storeSchema = {
  summary: 'Store a value that nobody can change',
  description:
    '409 when the key has another value; the same value again is 200. Without ttl see compat.fournk.ttlMs.',
  operationId: 'store',
  tags,
  body: z.object({
    key: keySchema,
    value: valueSchema,
    ttl: z.int().min(TTL_MIN_SECONDS).max(TTL_MAX_SECONDS).nullish().describe('seconds'),
  }),
  response: { 200: messageSchema, ...failures },
};
const retrieveSchema = {
  summary: 'Read a value',
  operationId: 'retrieve',
  tags,
  params: z.object({ key: keySchema }),
  response: { 200: z.object({ key: z.string(), value: z.string() }), ...failures },
};

export function fournkRoutes(app: Routes, { config, holdValue }: StorageContext): void {
  const shared = config['compat.fournk.namespace'];
  const defaultTtlMs = config['compat.fournk.ttlMs'];
  app.setErrorHandler((error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    const { status, body } = describeError(app.log, error, request, reply);
    return reply.code(status).send({ message: body.error });
  });

  const storing = { config: { sharedNamespace: shared }, schema: storeSchema, bodyLimit: HEX_BODY_MAX_BYTES };
  app.post('/store', storing, async ({ body, principal, acting }) => {
    const name = { owner: '', namespace: ownPlace(principal) ?? shared, key: body.key.toLowerCase() };
    const ttlMs = (body.ttl ?? 0) * 1000 || defaultTtlMs;
    const isNew = await storeOnce(
      acting.storage,
      name,
      Buffer.from(body.value, 'hex'),
      ttlMs > 0 ? { ttlMs } : {},
    );
    return { message: isNew ? 'Data stored successfully.' : 'The same data is stored already.' };
  });

  const reading = { readsNamespace: 'values' as const, sharedNamespace: shared };
  app.get(
    '/retrieve/:key',
    { config: reading, schema: retrieveSchema },
    async ({ params, principal, acting }, reply) => {
      const namespace = ownPlace(principal) ?? shared;
      const record = await acting.storage.get({ owner: '', namespace, key: params.key.toLowerCase() });
      if (record === null) throw new GatewayError('not_found', 'Key not found or expired.');
      holdValue(reply, 2 * record.size);
      return {
        key: params.key,
        value: Buffer.from(await wholeValue(record, VALUE_MAX_BYTES)).toString('hex'),
      };
    },
  );
}

/** True when it was stored now, false when it was there. Throws `exists` for another value. */
async function storeOnce(
  storage: Pick<Storage, 'put' | 'get'>,
  name: RecordName,
  value: Uint8Array,
  options: PutOptions,
): Promise<boolean> {
  try {
    await storage.put(name, value, { ...options, ifAbsent: true });
    return true;
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'exists') throw error;
  }
  const there = await storage.get(name);
  if (there?.size === value.byteLength) {
    if (Buffer.compare(await wholeValue(there, value.byteLength), value) === 0) return false;
  }
  throw new GatewayError('exists', 'The key exists already with other data.');
}
