/** Objects that clients signed themselves: the gateway carries them, and cannot change them. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { NoticeView } from '../../../node/index.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { decodeNotice } from '../../../protocols/namespaces/codec.ts';
import { NOTICE_MAX_BYTES } from '../../../protocols/namespaces/constants.ts';
import { decodeEnvelope } from '../../../protocols/relay/codec.ts';
import { ENVELOPE_MAX_BYTES } from '../../../protocols/relay/constants.ts';
import { decodeRecord } from '../../../protocols/storage/codec.ts';
import { RECORD_MAX_BYTES } from '../../../protocols/storage/constants.ts';
import type { Principal } from '../../auth/identity.ts';
import { hex, sha256 } from '../../core/digest.ts';
import { type ErrorCode, GatewayError } from '../../core/errors.ts';
import { SIGNED_IN_TRANSIT_BYTES } from '../../core/limits.ts';
import { errorResponses, receiptSchema, timeSchema, toPublished } from '../../core/schemas.ts';
import type { Context } from '../core/context.ts';
import { HeldBodies } from '../core/held-bodies.ts';
import type { Routes } from '../core/routes.ts';
import { toWritten, writtenSchema } from '../kv/storage-schemas.ts';

const CONTENT_TYPES = ['application/cbor', 'application/vnd.ipld.dag-cbor', 'application/octet-stream'];

const bytesOf = (what: string) =>
  z
    .instanceof(Uint8Array, { error: `the body must be ${what}, as bytes` })
    .meta({ type: 'string', format: 'binary', description: `${what}, canonical DAG-CBOR` });

const envelopeSchema = {
  summary: 'Publish an envelope that its author signed',
  operationId: 'carryEnvelope',
  tags: ['pubsub'],
  consumes: CONTENT_TYPES,
  body: bytesOf('a signed envelope (protocols/relay/SPEC.md)'),
  response: {
    200: z.object({ status: z.literal('ok'), ...receiptSchema.shape }).meta({ id: 'Carried' }),
    ...errorResponses,
  },
};

const recordSchema = {
  summary: 'Write a record that its author signed, just now',
  operationId: 'carryRecord',
  tags: ['storage'],
  consumes: CONTENT_TYPES,
  querystring: z.object({
    durability: z
      .enum(['one', 'majority', 'all'])
      .optional()
      .describe('replicas that must have it on disk; `majority` unless said'),
  }),
  body: bytesOf('a signed record (protocols/storage/SPEC.md)'),
  response: { 200: writtenSchema, ...errorResponses },
};

const didText = z.string().describe('DID');
const digestText = z.string().describe('SHA-256 in hex');
const takenSchema = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('policy'),
      digest: digestText,
      namespace: z.string(),
      sequence: z.int().min(1),
      holder: didText.describe('who holds the namespace from here on'),
      as: didText,
      time: timeSchema,
    }),
    z.object({
      kind: z.literal('revocation'),
      digest: digestText,
      target: z.string().describe('a DID, or the digest of a link in hex'),
      as: didText,
      time: timeSchema,
    }),
    z.object({
      kind: z.literal('sponsorship'),
      digest: digestText,
      owner: didText.describe('by whom the namespace was made'),
      namespace: z.string().describe('its name; `*`: all that the owner made'),
      holder: didText.describe('who named the operator'),
      as: didText.describe('the operator'),
      withdrawn: z.boolean().describe('the operator ends it'),
      time: timeSchema,
    }),
  ])
  .meta({ id: 'TakenNotice', description: 'A policy, revocation or sponsorship that this node now keeps' });

const noticeSchema = {
  summary: 'Hand in a policy, revocation or sponsorship: it is kept here and told to every node',
  operationId: 'submitNotice',
  tags: ['namespaces'],
  consumes: CONTENT_TYPES,
  body: bytesOf('a signed policy, revocation or sponsorship (protocols/namespaces/SPEC.md)'),
  response: { 200: takenSchema, ...errorResponses },
};

type SignedContext = Pick<Context, 'node' | 'relay' | 'storage' | 'tenants' | 'metrics' | 'audit' | 'rates'>;

export async function signedObjectRoutes(app: Routes, context: SignedContext): Promise<void> {
  const bodies = new HeldBodies({ max: SIGNED_IN_TRANSIT_BYTES });
  await app.register(async (scope: FastifyInstance) => {
    bodies.watch(scope);
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(CONTENT_TYPES, bodies.read);
    const typed = scope.withTypeProvider<ZodTypeProvider>();
    envelopeRoute(typed, context);
    recordRoute(typed, context);
    noticeRoute(typed, context);
  });
}

function envelopeRoute(app: Routes, { relay, metrics, tenants }: SignedContext): void {
  const options = { schema: envelopeSchema, bodyLimit: ENVELOPE_MAX_BYTES };
  app.post('/v1/pubsub/envelopes', options, async ({ body, principal }) => {
    holdToPlace(principal, () => tenants.format(decodeEnvelope(body, { sha256 })));
    metrics.messagesIn += 1;
    try {
      const receipt = await relay.submitSigned(body);
      metrics.messagesIn += receipt.messageIds.length - 1;
      return toPublished(receipt);
    } catch (error) {
      metrics.publishFailures += 1;
      throw error;
    }
  });
}

function recordRoute(app: Routes, { storage, tenants }: SignedContext): void {
  const options = { schema: recordSchema, bodyLimit: RECORD_MAX_BYTES };
  app.post('/v1/records', options, async ({ body, query, principal }) => {
    holdToPlace(principal, () => tenants.format(decodeRecord(body, { sha256 })));
    const { durability } = query;
    const receipt = await storage.submitSigned(body, durability === undefined ? {} : { durability });
    // it was read and found good: here only its names are wanted
    const record = decodeRecord(body, { sha256 });
    return toWritten({ owner: '', namespace: tenants.format(record), key: record.key }, receipt);
  });
}

function noticeRoute(app: Routes, { node, tenants, audit, rates }: SignedContext): void {
  const onRequest = async ({ client }: FastifyRequest): Promise<void> => rates.takeAddress('notices', client);
  const options = { schema: noticeSchema, bodyLimit: NOTICE_MAX_BYTES, onRequest };
  app.post('/v1/namespaces/notices', options, async ({ body, principal, client: { address } }) => {
    if ('did' in principal) holdToWallet(principal, body);
    const event = 'namespace.notice';
    const notice = await node.namespaces.submit(body).catch(async (error: unknown) => {
      if (!(error instanceof CodedError)) throw error;
      await audit.audit({ event, outcome: 'refused', address, detail: { code: error.code } });
      throw refusal(error);
    });
    const answer = taken(notice, tenants);
    const { as: actor, ...detail } = answer;
    await audit.audit({ event, outcome: 'ok', actor, address, detail });
    return answer;
  });
}

/** A credential is for one namespace. The node refuses unreadable objects, and says why. */
function holdToPlace(principal: Principal, readPlace: () => string): void {
  const place = 'place' in principal ? readable(readPlace) : null;
  if (place === null || ('place' in principal && principal.place === place)) return;
  throw new GatewayError(
    'namespace_mismatch',
    "what is handed in is of another namespace than this credential's",
  );
}

/** Policies and sponsorships of the wallet's namespaces, and revocations in its name. */
function holdToWallet({ did }: { readonly did: string }, bytes: Uint8Array): void {
  const notice = readable(() => decodeNotice(bytes, { sha256 }));
  if (notice === null || notice.as === did || ('owner' in notice && notice.owner === did)) return;
  throw new GatewayError(
    'namespace_mismatch',
    "what is handed in is of another wallet than this credential's",
  );
}

function readable<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof CodedError) return null;
    throw error;
  }
}

function taken(notice: NoticeView, tenants: Context['tenants']): z.output<typeof takenSchema> {
  const { as, time } = notice;
  const digest = hex(notice.digest);
  if (notice.kind === 'revocation') {
    const { target } = notice;
    return { kind: 'revocation', digest, target: 'did' in target ? target.did : hex(target.link), as, time };
  }
  if (notice.kind === 'sponsorship') {
    const { owner, namespace, holder, naming } = notice;
    return {
      kind: 'sponsorship',
      digest,
      owner,
      namespace,
      holder,
      as,
      withdrawn: naming.length === 0,
      time,
    };
  }
  const { sequence, holder } = notice;
  return { kind: 'policy', digest, namespace: tenants.format(notice), sequence, holder, as, time };
}

/** Error codes for a client whose notice is refused, by the node's code. */
const REFUSALS: Readonly<Record<string, ErrorCode>> = {
  notice_chain: 'forbidden',
  notice_unauthorised: 'forbidden',
  policy_holder: 'forbidden',
  notice_clock: 'bad_clock',
  notice_room: 'no_room',
  notice_superseded: 'policy_conflict',
  policy_conflict: 'policy_conflict',
  policy_early: 'policy_conflict',
  policy_time: 'bad_notice',
  closed: 'not_running',
};

function refusal(error: CodedError): CodedError {
  const { code, message } = error;
  if (Object.hasOwn(REFUSALS, code)) return new GatewayError(REFUSALS[code] ?? 'bad_notice', message);
  return code.startsWith('notice_') ? new GatewayError('bad_notice', message) : error;
}
