/** The parts of an archive besides records and blocks. SPEC.md has the bytes. */
import * as dagCbor from '@ipld/dag-cbor';
import { CID } from 'multiformats/cid';
import { z } from 'zod';
import { concatBytes } from '../../../protocols/common/bytes.ts';
import { badArchive, type CarBlock } from '../../../protocols/common/car.ts';
import type { Crypto } from '../../../protocols/common/crypto.ts';

const VERSION = 1;
const FORMAT = 'maillon/archive';
const PAGE_FORMAT = 'maillon/archive-page';
const DIGEST_BYTES = 32;
const DAG_CBOR_CID = Uint8Array.of(0x01, 0x71, 0x12, 0x20);

/** Stands for the root where it is not known yet: what has it is not whole. */
export const UNKNOWN_ROOT = concatBytes(DAG_CBOR_CID, new Uint8Array(DIGEST_BYTES));

export interface ArchiveCounts {
  readonly records: number;
  readonly blobs: number;
  /** Total of records and blocks. */
  readonly bytes: number;
  /** Records, and blobs, that could not be read where the archive was made. */
  readonly missing: number;
}

export interface ArchiveRoot extends ArchiveCounts {
  readonly swarm: string;
  /** When it was begun, milliseconds since the Unix epoch. */
  readonly at: number;
  /** Owner and name of the one namespace that it is of; null: of all that the node held. */
  readonly namespace: readonly [string, string] | null;
  /** CIDs of the pages. */
  readonly pages: readonly Uint8Array[];
}

export interface ArchivePage {
  /** CIDs of records. */
  readonly records: readonly Uint8Array[];
  /** Roots of blobs. */
  readonly blobs: readonly Uint8Array[];
}

const count = z.int().min(0);
const links = z.array(z.unknown());
const rootSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  swarm: z.string(),
  at: count,
  namespace: z.tuple([z.string(), z.string()]).nullable(),
  records: count,
  blobs: count,
  bytes: count,
  missing: count,
  pages: links,
});

/** A block of DAG-CBOR under its CID. */
export function cborBlock(crypto: Pick<Crypto, 'sha256'>, bytes: Uint8Array): CarBlock {
  return { cid: concatBytes(DAG_CBOR_CID, crypto.sha256(bytes)), bytes };
}

export function isCbor(cid: Uint8Array): boolean {
  return cid[1] === DAG_CBOR_CID[1];
}

export function encodePage({ records, blobs }: ArchivePage): Uint8Array {
  const page = { format: PAGE_FORMAT, version: VERSION, records: linksOf(records), blobs: linksOf(blobs) };
  return dagCbor.encode(page);
}

export function encodeRoot({ pages, namespace, ...root }: ArchiveRoot): Uint8Array {
  const places = namespace === null ? null : [...namespace];
  return dagCbor.encode({
    format: FORMAT,
    version: VERSION,
    ...root,
    namespace: places,
    pages: linksOf(pages),
  });
}

/** A page or a root is a map, a record a list: one byte tells. Null for a record. Throws `bad_archive`, `archive_version`. */
export function decodeOwn(
  bytes: Uint8Array,
): { readonly format: string; readonly root: ArchiveRoot | null } | null {
  const major = (bytes[0] ?? 0) >>> 5;
  if (major !== MAP) return null;
  let found: unknown;
  try {
    found = dagCbor.decode(bytes);
  } catch {
    throw badArchive('a block in it is no DAG-CBOR');
  }
  const { format, version } = found as { format?: unknown; version?: unknown };
  if (format !== FORMAT && format !== PAGE_FORMAT) throw badArchive('a block in it is nothing that is known');
  if (version !== VERSION)
    throw badArchive(`its version ${String(version)} is not known here: use a newer Maillon`);
  if (format === PAGE_FORMAT) return { format, root: null };
  const parsed = rootSchema.safeParse(found);
  if (!parsed.success) throw badArchive('its root is not one');
  const { pages, ...root } = parsed.data;
  return { format, root: { ...root, pages: pages.flatMap((page) => CID.asCID(page)?.bytes ?? []) } };
}

const MAP = 5;

function linksOf(cids: readonly Uint8Array[]): CID[] {
  return cids.map((cid) => CID.decode(cid));
}
