import { setTimeout as wait } from 'node:timers/promises';
import type { Storage } from '../../../node/index.ts';
import type { BlobLink } from '../../../protocols/blobs/index.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { GatewayError } from '../../core/errors.ts';
import { UPLOAD_TURN_MS } from '../../core/limits.ts';

export type Upload = ReturnType<Storage['resumeUpload']>;

interface UnderWay {
  readonly controller: AbortController;
  readonly ended: Promise<unknown>;
}

/**
 * One request at a time goes on with an upload. The later request wins: a client whose connection broke is back before the
 * gateway knows that it broke.
 */
export class UploadsUnderWay {
  readonly #underWay = new Map<string, UnderWay>();

  /** Does `work` once whoever was at it has ended. Throws `overloaded` where that does not end in time. */
  async alone<T>(
    { namespace, id }: { readonly namespace: string; readonly id: string },
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const key = `${namespace} ${id}`;
    for (let before = this.#underWay.get(key); before !== undefined; before = this.#underWay.get(key)) {
      before.controller.abort(new GatewayError('upload_offset', 'another request goes on with the upload'));
      const patience = new AbortController();
      const isLate = wait(UPLOAD_TURN_MS, true, { signal: patience.signal }).catch(() => false);
      const late = await Promise.race([before.ended.then(() => false), isLate]);
      patience.abort();
      if (late) throw new GatewayError('overloaded', 'another request is still at this upload');
    }
    const controller = new AbortController();
    const done = work(AbortSignal.any([signal, controller.signal]));
    const ended = done.catch(() => undefined);
    this.#underWay.set(key, { controller, ended });
    try {
      return await done;
    } finally {
      this.#underWay.delete(key);
    }
  }
}

/** Blob of a complete upload. Throws `upload_incomplete`. */
export function completeUpload({ link, offset }: Upload): BlobLink {
  if (link !== null) return link;
  throw new GatewayError('upload_incomplete', 'complete the upload first: PATCH with Upload-Complete: ?1', {
    offset,
  });
}

/** After these nothing can come of an upload: its room is freed at once rather than when its life ends. */
const FOR_GOOD: ReadonlySet<string> = new Set(['over_quota', 'no_room', 'too_large', 'blob_too_large']);

/** Does `work` at an upload, which ends when that is refused for good. */
export async function endingRefused<T>(upload: Pick<Upload, 'cancel'>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CodedError && FOR_GOOD.has(error.code)) await upload.cancel();
    throw error;
  }
}

/** Makes something of a complete upload, which ends with that. */
export async function makeOf<T>(upload: Pick<Upload, 'cancel'>, make: () => Promise<T>): Promise<T> {
  const made = await endingRefused(upload, make);
  await upload.cancel();
  return made;
}
