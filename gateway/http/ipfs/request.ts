/** Requests to the trustless gateway (https://specs.ipfs.tech/http-gateways/trustless-gateway/). */
import type { ByteRange } from '../../../protocols/blobs/index.ts';
import { GatewayError } from '../../core/errors.ts';

export const RAW_TYPE = 'application/vnd.ipld.raw';
export const CAR_TYPE = 'application/vnd.ipld.car';

export type IpfsForm =
  | { readonly kind: 'raw' }
  | {
      readonly kind: 'car';
      /** The block alone, or all that is under it: a file is one entity. */
      readonly isBlock: boolean;
      /** Blocks that are linked several times come each time. */
      readonly hasDuplicates: boolean;
      readonly range: EntityRange | null;
    };

/** First and last byte, from the end where negative; null for the end. */
export interface EntityRange {
  readonly from: number;
  readonly to: number | null;
}

export interface IpfsQuery {
  readonly format?: string | undefined;
  readonly 'dag-scope'?: string | undefined;
  readonly 'entity-bytes'?: string | undefined;
  readonly 'car-version'?: string | undefined;
  readonly 'car-order'?: string | undefined;
  readonly 'car-dups'?: string | undefined;
}

/** The CAR options in an Accept header, or in the query. */
interface CarWishes {
  readonly version?: string | undefined;
  readonly order?: string | undefined;
  readonly dups?: string | undefined;
}

interface MediaRange {
  readonly type: string;
  readonly quality: number;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Media ranges that are looked at: browsers send some eight. */
const RANGES_MAX = 32;
const ENTITY_BYTES = /^(?<from>-?\d{1,15}):(?<to>\*|-?\d{1,15})$/;
const ADVICE = `send ?format=raw or ?format=car, or Accept: ${RAW_TYPE} or ${CAR_TYPE}`;

/** Throws `not_acceptable`, `bad_request`. The query overrides the header, which browsers set as they like. */
export function readIpfsRequest(query: IpfsQuery, accept: string | undefined): IpfsForm {
  const byQuery = { version: query['car-version'], order: query['car-order'], dups: query['car-dups'] };
  if (query.format === 'raw') return { kind: 'raw' };
  if (query.format === 'car') return carOf(query, { ...carWishes(accept), ...definedOf(byQuery) });
  if (query.format !== undefined) throw notAcceptable('that format is not given here');
  for (const { type, parameters } of rangesOf(accept)) {
    if (type === RAW_TYPE) return { kind: 'raw' };
    if (type === CAR_TYPE) return carOf(query, { ...parameters, ...definedOf(byQuery) });
  }
  throw notAcceptable('blocks and CARs are given here, no files');
}

function carOf(query: IpfsQuery, { version, order, dups }: CarWishes): IpfsForm {
  const scope = query['dag-scope'] ?? 'all';
  if (!['block', 'entity', 'all'].includes(scope)) {
    throw new GatewayError('bad_request', 'dag-scope must be block, entity or all');
  }
  if (version !== undefined && version !== '1') throw notAcceptable('a CAR of version 1 is given here');
  if (order !== undefined && order !== 'dfs' && order !== 'unk') {
    throw notAcceptable('blocks are in the order dfs');
  }
  if (dups !== undefined && dups !== 'y' && dups !== 'n') throw notAcceptable('dups must be y or n');
  const text = query['entity-bytes'];
  const range = text === undefined ? null : readEntityRange(text);
  return { kind: 'car', isBlock: scope === 'block', hasDuplicates: dups !== 'n', range };
}

function readEntityRange(text: string): EntityRange {
  const { from, to } = ENTITY_BYTES.exec(text)?.groups ?? {};
  if (from === undefined || to === undefined) {
    throw new GatewayError('bad_request', 'entity-bytes must be from:to, whole numbers, to may be *');
  }
  return { from: Number(from), to: to === '*' ? null : Number(to) };
}

/** For a file of this size. Bytes behind its end are left out; an empty range of a file still includes the path to it. */
export function rangeOf(range: EntityRange | null, size: number): ByteRange {
  if (range === null) return { start: 0, end: size };
  const at = (position: number): number => (position < 0 ? size + position : position);
  const start = Math.min(size, Math.max(0, at(range.from)));
  const end = range.to === null ? size : Math.min(size, at(range.to) + 1);
  return { start, end: Math.max(start, end) };
}

function carWishes(accept: string | undefined): CarWishes {
  return rangesOf(accept).find(({ type }) => type === CAR_TYPE)?.parameters ?? {};
}

/** Sorted by preference. */
function rangesOf(accept: string | undefined): MediaRange[] {
  const ranges = (accept ?? '').split(',', RANGES_MAX).map((one): MediaRange => {
    const [type = '', ...rest] = one.split(';').map((part) => part.trim().toLowerCase());
    const parameters = Object.fromEntries(
      rest.map((part): [string, string] => {
        const [name = '', value = ''] = part.split('=', 2);
        return [name, value.replaceAll('"', '')];
      }),
    );
    return { type, parameters, quality: Number(parameters['q'] ?? '1') };
  });
  return ranges.filter(({ quality }) => quality > 0).toSorted((a, b) => b.quality - a.quality);
}

function definedOf(wishes: CarWishes): CarWishes {
  return Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined));
}

function notAcceptable(what: string): GatewayError {
  return new GatewayError('not_acceptable', `${what}: ${ADVICE}`);
}
