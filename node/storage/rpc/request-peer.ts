import type { Answers, RequestOf, RequestType } from '../../../protocols/storage/index.ts';

/** Sends a request to the node with this peer id, which may be this one, and resolves to its answer. Rejects where it refuses or is silent. */
export type RequestPeer = <T extends RequestType>(
  id: string,
  request: RequestOf<T>,
  signal: AbortSignal,
) => Promise<Answers[T]>;
