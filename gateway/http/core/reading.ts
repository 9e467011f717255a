/**
 * Decides on reads. Nodes give what they hold to whoever asks; gateways alone restrict a namespace to the readers that
 * its policy allows.
 */
import type { Principal } from '../../auth/identity.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Context } from './context.ts';

export type ReadingContext = Pick<Context, 'node' | 'tenants'>;

/** The target of a read: a namespace as the gateway calls it, or one topic of it. */
export interface Reading {
  readonly namespace: string;
  readonly topic?: string | undefined;
}

/** Throws `forbidden` where that is not for `principal` to read, `unauthenticated` where nobody knows who it is. */
export function checkReading(context: ReadingContext, principal: Principal, reading: Reading): void {
  if (mayRead(context, principal, reading)) return;
  if (principal.kind === 'anonymous') throw missingCredential(principal);
  const did = principal.kind === 'operator' ? context.node.owner : principal.did;
  throw new GatewayError('forbidden', `the policy of that namespace does not let ${did} read it`);
}

/** Whether that stays readable for `principal` no longer than a policy says so. */
export function isByPolicy(principal: Principal, namespace: string): boolean {
  if ('place' in principal && principal.place === namespace) return false;
  return principal.kind === 'anonymous' || namespace.includes('@');
}

/** Throws `unauthenticated` unless the policy of a namespace lets everybody write to it. */
export function checkWrittenByAnyone(
  { node, tenants }: ReadingContext,
  principal: Principal,
  text: string,
): void {
  const { owner, namespace } = tenants.parse(text);
  if (node.namespaces.policyOf(owner, namespace)?.rules.write.anyone === true) return;
  throw missingCredential(principal);
}

/** It begins as DeBros clients expect, and says why a client on this machine is not the operator. */
export function missingCredential(principal: Principal): GatewayError {
  const why = principal.kind === 'anonymous' ? principal.notOperator : undefined;
  return new GatewayError(
    'unauthenticated',
    why === undefined ? 'missing API key' : `missing API key: ${why}`,
  );
}

function mayRead({ node, tenants }: ReadingContext, principal: Principal, reading: Reading): boolean {
  const { namespace: text, topic } = reading;
  if ('place' in principal && principal.place === text) return true;
  const isOperator = principal.kind === 'operator';
  const { owner, namespace } = tenants.parse(text);
  if (isOperator && owner === node.owner) return true;
  const policy = node.namespaces.policyOf(owner, namespace);
  // a credential is for its namespace, whatever else its wallet holds
  if (isOperator && (policy?.holder ?? owner) === node.owner) return true;
  if (policy === null) return false;
  const { read, publicTopics } = policy.rules;
  if (read.anyone || isNamed(principal, read.dids, node)) return true;
  return topic !== undefined && publicTopics.some((prefix) => topic.startsWith(prefix));
}

function isNamed(principal: Principal, dids: readonly string[], node: ReadingContext['node']): boolean {
  if (principal.kind === 'operator') return dids.includes(node.owner);
  // who was delegated one namespace does not act as the wallet elsewhere
  if (principal.kind === 'anonymous' || principal.delegation !== null) return false;
  return dids.includes(principal.did);
}
