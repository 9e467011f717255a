/** Frames that go out together: built once, shared by every client that gets them. */
export interface Batch {
  readonly bytes: Buffer;
  /** How many frames that is. */
  readonly frames: number;
}

/**
 * Makes a buffer outside of Node's pool. One from the pool would keep 8 KiB alive for as long as it waits for a slow
 * client, and what may wait is counted in its own bytes.
 */
export function ownBuffer(length: number): Buffer {
  return Buffer.allocUnsafeSlow(length);
}

/** One batch of one frame. */
export function single(frame: Buffer): Batch {
  return { bytes: frame, frames: 1 };
}

/** One batch of all. `bytes` is what they have together. */
export function join(frames: readonly Buffer[], bytes: number): Batch {
  const [only] = frames;
  if (only !== undefined && frames.length === 1) return single(only);
  const joined = ownBuffer(bytes);
  let at = 0;
  for (const frame of frames) at += frame.copy(joined, at);
  return { bytes: joined, frames: frames.length };
}
