/** Public blobs as the gateway serves them: by CID, to anybody. */

/** The blocks under a CID. */
export interface PublicDag {
  readonly cid: Uint8Array;
  /** The block itself, verified. */
  readonly bytes: Uint8Array;
  /** A block under it, verified. Throws `blob_unavailable`: nobody gives it (any more), or it is not public any more. */
  block(cid: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
}

export interface PublicBlobs {
  /**
   * Looks for a block of a public blob, here and at other nodes. Null when no node has it, or the blob is not public.
   * Throws `CodedError`: `overloaded`, `not_running`.
   */
  find(cid: Uint8Array, signal: AbortSignal): Promise<PublicDag | null>;
}
