/**
 * The trustless gateway: blocks of public blobs, and CARs of them, for anybody. Blobs that are not public are answered as if they
 * were absent. Nothing is asked of who asks, so pages of any site may.
 */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { PublicDag } from '../../../node/index.ts';
import {
  BLOCK_MAX_BYTES,
  BlobReader,
  type ByteRange,
  blockCountOf,
  createBlobMetrics,
  fileSizeOf,
  isLeafCid,
  PROFILE,
  parseCid,
  READ_AHEAD_MAX,
  rootOf,
} from '../../../protocols/blobs/index.ts';
import { equalBytes } from '../../../protocols/common/bytes.ts';
import { type CarBlock, encodeCarBlock, encodeCarHeader } from '../../../protocols/common/car.ts';
import { sha256 } from '../../core/digest.ts';
import { GatewayError } from '../../core/errors.ts';
import {
  IPFS_IN_TRANSIT_BYTES,
  IPFS_UNIQUE_BLOCKS_MAX,
  TRANSFER_MIN_BYTES,
  TRANSFER_WINDOW_MS,
  VALUE_PIECE_BYTES,
} from '../../core/limits.ts';
import { errorResponses } from '../../core/schemas.ts';
import { ByteBudget } from '../core/byte-budget.ts';
import { matchesWeakly, parseEtags } from '../core/conditions.ts';
import type { Context } from '../core/context.ts';
import { Pace } from '../core/pace.ts';
import type { Routes } from '../core/routes.ts';
import { CAR_TYPE, type IpfsForm, RAW_TYPE, rangeOf, readIpfsRequest } from './request.ts';

const PATH = '/ipfs/:cid';
const tags = ['ipfs'];
const params = z.object({ cid: z.string().describe('CID of version 1 in base32: raw or dag-pb, sha2-256') });
const querystring = z.object({
  format: z.string().optional().describe('raw or car; counts more than Accept'),
  'dag-scope': z.string().optional().describe('block, entity or all, of a CAR'),
  'entity-bytes': z.string().optional().describe('from:to, first and last byte of the file, of a CAR'),
  'car-version': z.string().optional().describe('1'),
  'car-order': z.string().optional().describe('dfs'),
  'car-dups': z.string().optional().describe('y: blocks that are linked several times come each time; or n'),
});
const headers = z.object({
  accept: z.string().optional().describe(`${RAW_TYPE} or ${CAR_TYPE}; version=1; order=dfs; dups=y`),
  'if-none-match': z.string().optional().describe('304 when one of these entity tags is that of the answer'),
});
const schema = {
  summary: 'A block of a public blob, or a CAR of what is under it; no credential is needed or looked at',
  tags,
  params,
  querystring,
  headers,
  response: {
    200: {
      description: 'Bytes to be held against the CID',
      content: {
        [RAW_TYPE]: { schema: z.unknown().meta({ type: 'string', format: 'binary' }) },
        [CAR_TYPE]: { schema: z.unknown().meta({ type: 'string', format: 'binary' }) },
      },
    },
    304: z.null().describe('The answer is one that If-None-Match names'),
    ...errorResponses,
  },
};
/** A year or so, as the specification has it: the bytes of a CID never change. */
const FOR_EVER = 'public, max-age=29030400, immutable';
/** The empty identity block, by which clients find out whether there is a gateway. */
const PROBE = 'bafkqaaa';

type IpfsContext = Pick<Context, 'node' | 'rates' | 'stopping'>;
type IpfsRequest = FastifyRequest<{
  Params: z.output<typeof params>;
  Querystring: z.output<typeof querystring>;
}>;

export function ipfsRoutes(app: Routes, context: IpfsContext): void {
  const handler = ipfsHandler(context, new ByteBudget({ max: IPFS_IN_TRANSIT_BYTES }));
  const config = { isOpen: true, isForAnyPage: true };
  const described = { config: { ...config, swagger: { exposeHeadRoute: true } } };
  const getSchema = { ...schema, operationId: 'getIpfs' };
  app.get(PATH, { config, exposeHeadRoute: false, schema: getSchema }, handler);
  app.head(PATH, { ...described, schema: { ...schema, operationId: 'headIpfs' } }, handler);
}

function ipfsHandler({ node, rates, stopping }: IpfsContext, budget: ByteBudget) {
  return async (request: IpfsRequest, reply: FastifyReply) => {
    const text = request.params.cid;
    const form = readIpfsRequest(request.query, request.headers.accept);
    if (text === PROBE && form.kind === 'raw') return answerRaw(reply, text, Buffer.alloc(0));
    const cid = parseCid(text);
    if (cid === null) {
      throw new GatewayError('bad_cid', 'send a CID of version 1 in base32: raw or dag-pb, with sha2-256');
    }
    const holding = budget.open();
    const gone = new AbortController();
    reply.raw.once('close', () => {
      holding.release();
      gone.abort(new Error('the client has gone'));
    });
    holding.add(form.kind === 'raw' ? BLOCK_MAX_BYTES : CAR_BYTES);
    if (form.kind === 'car') reply.raw.once('close', rates.takeStream(request.client));
    const signal = AbortSignal.any([gone.signal, stopping]);
    const dag = await node.publicBlobs.find(cid, signal);
    if (dag === null) throw new GatewayError('not_found', 'no public blob with that block is found');
    return form.kind === 'raw'
      ? answerRaw(reply, text, dag.bytes)
      : answerCar(reply, text, dag, form, signal);
  };
}

/** A CAR's bytes in memory: blocks read ahead, the block being written, and bytes that the socket has not taken. */
const CAR_BYTES = (READ_AHEAD_MAX + 3) * BLOCK_MAX_BYTES;

function answerRaw(reply: FastifyReply, text: string, bytes: Uint8Array): FastifyReply {
  if (isKnown(reply, `"${text}.raw"`)) return reply.code(304).send();
  void reply.headers(headersOf(text, `${text}.bin`, RAW_TYPE));
  void reply.header('content-length', String(bytes.byteLength));
  if (reply.request.method === 'HEAD') return reply.send();
  return reply.send(pacedStream(reply, once(bytes)));
}

function answerCar(
  reply: FastifyReply,
  text: string,
  dag: PublicDag,
  form: IpfsForm & { readonly kind: 'car' },
  signal: AbortSignal,
): FastifyReply {
  const size = isLeafCid(dag.cid) ? dag.bytes.byteLength : fileSizeOf(dag.bytes);
  if (size === null) throw new GatewayError('not_found', 'the block is no file that is served here');
  const link = { cid: dag.cid, size };
  // a range of nothing is the block alone
  const range = form.isBlock ? { start: 0, end: 0 } : rangeOf(form.range, size);
  const isUnique = !form.hasDuplicates && blockCountOf(rootOf(link), PROFILE) <= IPFS_UNIQUE_BLOCKS_MAX;
  const dups = isUnique ? 'n' : 'y';
  const etag = `"${text}.car.1-dfs-${dups}-${range.start}-${range.end}"`;
  if (isKnown(reply, etag)) return reply.code(304).send();
  const type = `${CAR_TYPE}; version=1; order=dfs; dups=${dups}`;
  void reply.headers({ ...headersOf(text, `${text}.car`, type), 'accept-ranges': 'none' });
  if (reply.request.method === 'HEAD') return reply.send();
  const blocks = blocksOf(dag, size, range, signal);
  const pieces = carOf(dag.cid, isUnique ? withoutDuplicates(blocks) : blocks);
  return reply.send(pacedStream(reply, pieces));
}

/** In pieces, each as long as a block at most. */
async function* carOf(
  root: Uint8Array,
  blocks: AsyncIterable<CarBlock>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield encodeCarHeader(root);
  for await (const block of blocks) yield encodeCarBlock(block);
}

async function* blocksOf(
  dag: PublicDag,
  size: number,
  range: ByteRange,
  signal: AbortSignal,
): AsyncGenerator<CarBlock, void, undefined> {
  const reader = new BlobReader(
    {
      crypto: { sha256 },
      metrics: createBlobMetrics(),
      getBlock: async ({ cid }, either) => (equalBytes(cid, dag.cid) ? dag.bytes : dag.block(cid, either)),
    },
    { isHashed: true },
  );
  for await (const { ref, bytes } of reader.blocks({ cid: dag.cid, size }, range, signal)) {
    yield { cid: ref.cid, bytes };
  }
}

async function* withoutDuplicates(
  blocks: AsyncIterable<CarBlock>,
): AsyncGenerator<CarBlock, void, undefined> {
  const seen = new Set<string>();
  for await (const block of blocks) {
    const key = Buffer.from(block.cid).toString('latin1');
    if (seen.has(key)) continue;
    seen.add(key);
    yield block;
  }
}

/** In pieces, each written once the client took the one before; one that takes too little is hung up on. */
function pacedStream(reply: FastifyReply, source: AsyncIterable<Uint8Array>): Readable {
  const onStall = (): void => void reply.raw.destroy();
  const pace = new Pace({ windowMs: TRANSFER_WINDOW_MS, minBytes: TRANSFER_MIN_BYTES, onStall });
  async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const bytes of source) {
        for (let at = 0; at < bytes.byteLength; at += VALUE_PIECE_BYTES) {
          const piece = bytes.subarray(at, at + VALUE_PIECE_BYTES);
          pace.wait();
          yield piece;
          pace.gain(piece.byteLength);
        }
      }
    } finally {
      pace.end();
    }
  }
  return Readable.from(pieces(), { objectMode: false, highWaterMark: VALUE_PIECE_BYTES });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

/** Sets the entity tag; whether the client has that already. */
function isKnown(reply: FastifyReply, etag: string): boolean {
  void reply.headers({ etag, 'cache-control': FOR_EVER, vary: 'Accept' });
  const known = parseEtags(reply.request.headers['if-none-match']);
  return known !== undefined && matchesWeakly(known, etag);
}

function headersOf(text: string, name: string, type: string): Record<string, string> {
  return {
    'content-type': type,
    'content-disposition': `attachment; filename="${name}"`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
    'x-ipfs-path': `/ipfs/${text}`,
    'x-ipfs-roots': text,
  };
}
