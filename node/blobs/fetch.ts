import {
  BlobError,
  type BlobLink,
  type BlobMetrics,
  BlobReader,
  type BlockRef,
  cidText,
  PROFILE,
  rootOf,
} from '../../protocols/blobs/index.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import type { BlobRow, Catalogue } from './catalogue.ts';
import { isRefusedForGood } from './errors.ts';
import type { Garbage } from './garbage.ts';
import { Intake, type IntakeComponents } from './intake.ts';
import type { FetchOptions } from './interface.ts';
import { BLOCK_OVERHEAD_BYTES, FETCHES_AT_ONCE } from './limits.ts';
import type { Room } from './room.ts';

export interface FetchComponents extends IntakeComponents {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly protocolMetrics: BlobMetrics;
  /** Reads a block of this disk; marks one that is broken. */
  readonly read: (cid: Uint8Array) => Promise<Uint8Array>;
}

interface Coming {
  readonly ref: BlockRef;
  readonly bytes: Promise<Uint8Array>;
}

/** As `fetchBlob`, with room kept for what is missing; what came of a blob that finds none goes at once. */
export async function fetchWithRoom(
  components: FetchComponents & { readonly room: Room; readonly garbage: Garbage },
  { link, there }: { readonly link: BlobLink; readonly there: BlobRow | null },
  options: FetchOptions,
): Promise<void> {
  const { room, garbage } = components;
  room.checkShare(options.namespaceId, link, there);
  const missing = Math.max(0, link.size - (there?.blocks ?? 0) * PROFILE.chunkBytes);
  // the namespace counts all of it as soon as its row is made
  const reservation = await garbage.withRoom(() => room.reserve(null, missing));
  const onProgress = (bytes: number): void => {
    reservation.comingBytes = Math.max(0, reservation.comingBytes - bytes);
    options.onProgress?.(bytes);
  };
  const checkRoom = (bytes: number): Promise<void> => garbage.withRoom(() => room.check(bytes, reservation));
  try {
    await fetchBlob({ ...components, checkRoom }, link, { ...options, onProgress });
  } catch (error) {
    if (isRefusedForGood(error)) await garbage.dismiss(link.cid, { isRefused: true });
    throw error;
  } finally {
    room.release(reservation);
  }
}

/** Gets what is missing of a blob, in its order; a few blocks at once, each verified before it is written. */
async function fetchBlob(components: FetchComponents, link: BlobLink, options: FetchOptions): Promise<void> {
  const { catalogue, crypto, protocolMetrics, read, metrics } = components;
  const { id: blob } = catalogue.openBlob(link, options.namespaceId);
  const intake = new Intake(components, { blob });
  const controller = new AbortController();
  const signal = AbortSignal.any([options.signal, controller.signal]);
  const { getBlock, isHashed = false } = options;
  const reader = new BlobReader({ crypto, metrics: protocolMetrics, getBlock }, { isHashed });
  const coming: Coming[] = [];

  const take = async (): Promise<void> => {
    const next = coming.shift();
    if (next === undefined) return;
    const bytes = await next.bytes;
    await intake.add({ cid: next.ref.cid, bytes });
    metrics.blocksFetched += 1;
    options.onProgress?.(bytes.byteLength);
    if (intake.isFull) await intake.commit();
  };
  const ask = async (ref: BlockRef): Promise<void> => {
    if (coming.length >= FETCHES_AT_ONCE) await take();
    const bytes = reader.get(ref, signal);
    // whoever waits for it hears of it
    bytes.catch(() => undefined);
    coming.push({ ref, bytes });
  };
  /** The bytes of a node, which is needed to go on. */
  const nodeBytes = async (ref: BlockRef): Promise<Uint8Array> => {
    const own = intake.has(ref.cid) ? await read(ref.cid).catch(() => null) : null;
    if (own !== null) {
      // a fetch that goes on walks over what is here: that is no stall
      options.onProgress?.(0);
      return own;
    }
    const bytes = await reader.get(ref, signal);
    await intake.add({ cid: ref.cid, bytes });
    options.onProgress?.(bytes.byteLength);
    return bytes;
  };
  const visit = async (ref: BlockRef): Promise<void> => {
    signal.throwIfAborted();
    if (ref.height === 0) {
      if (!intake.has(ref.cid)) await ask(ref);
      else checkLength(ref, catalogue);
      return;
    }
    for (const child of reader.children(ref, await nodeBytes(ref))) await visit(child);
  };

  try {
    await visit(rootOf(link));
    while (coming.length > 0) await take();
    await intake.commit(() => catalogue.complete(blob, link));
  } catch (error) {
    await salvage(intake);
    throw error;
  } finally {
    controller.abort(new Error('the fetch ended'));
  }
}

/** A leaf that is here may be of another blob, and not what the size of this one says. */
function checkLength({ cid, bytes }: BlockRef, catalogue: Catalogue): void {
  const own = catalogue.block(cid);
  if (own === null || own.bytes === bytes + BLOCK_OVERHEAD_BYTES) return;
  throw new BlobError('block_shape', `block ${cidText(cid)} has not the ${bytes} bytes that its place has`);
}

/** Records the blocks received, so that the next attempt need not request them again. */
async function salvage(intake: Intake): Promise<void> {
  try {
    await intake.commit();
  } catch {
    await intake.abandon();
  }
}
