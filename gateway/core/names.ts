import type { TopicName } from '../../node/index.ts';
import { GatewayError } from './errors.ts';
import { DEFAULT_NAMESPACE } from './schemas.ts';

/** The topic a request means. Its namespace stays as the client named it: see `Tenants`. */
export function topicName(request: { topic: string; namespace?: string | undefined }): TopicName {
  return { owner: '', namespace: request.namespace ?? DEFAULT_NAMESPACE, topic: request.topic };
}

/** The namespace of a request that may name it in two places. */
export function oneNamespace(first: string | undefined, second: string | undefined): string | undefined {
  if (first !== undefined && second !== undefined && first !== second) {
    throw new GatewayError('namespace_mismatch', 'namespace mismatch');
  }
  return first ?? second;
}
