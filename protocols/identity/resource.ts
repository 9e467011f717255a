import { checkDid } from '../common/did.ts';
import { checkNamespace, checkSwarm, NameError } from '../common/names.ts';
import { RESOURCE_MAX_LENGTH } from './constants.ts';

/** Actions that can be granted, in the order a resource names them. */
export const ACTIONS = ['admin', 'publish', 'read', 'sponsor', 'write'] as const;
export type Action = (typeof ACTIONS)[number];
/** Actions on a namespace as a whole: no prefix narrows them. */
const WHOLE_ACTIONS: readonly Action[] = ['admin', 'sponsor'];

/** In place of a namespace: all namespaces of the owner. */
export const ALL_NAMESPACES = '*';

/** Rights granted by a delegation. */
export interface Resource {
  readonly swarm: string;
  /** DID of the namespace's genesis owner. */
  readonly owner: string;
  /** A namespace of the owner, or `*` for all of them. */
  readonly namespace: string;
  /** At least one, in the order of `ACTIONS`, each once. */
  readonly actions: readonly Action[];
  /** Prefix of topics (publish) or keys (read, write); empty for all. */
  readonly prefix: string;
}

/** A requested action. */
export interface AskedResource {
  /** DID of the namespace's genesis owner. */
  readonly owner: string;
  /** A namespace, or `*` for what concerns all of the owner's. */
  readonly namespace: string;
  readonly action: Action;
  /** Topic or key; empty for `admin` and `sponsor`. */
  readonly resource: string;
}

const SCHEME = 'maillon:';
const PARTS = 7;
/** Characters that `encodeURIComponent` keeps besides the unreserved ones of RFC 3986. */
const LEFT_BY_ENCODER = /[!'()*]/g;

/** Checks every field. Throws `NameError`: `bad_resource`, or the code of the name that is wrong. */
export function checkResource(resource: Resource): void {
  checkSwarm(resource.swarm);
  checkDid(resource.owner);
  if (resource.namespace !== ALL_NAMESPACES) checkNamespace(resource.namespace);
  const known = ACTIONS.filter((action) => resource.actions.includes(action));
  if (known.length === 0 || known.join() !== resource.actions.join()) {
    throw bad(`must name actions of ${ACTIONS.join(', ')} in this order, each once`);
  }
  if (!resource.prefix.isWellFormed()) throw bad('has a prefix that is no UTF-8');
  const whole = WHOLE_ACTIONS.find((action) => resource.actions.includes(action));
  if (whole !== undefined && resource.prefix !== '') throw bad(`that grants ${whole} must have no prefix`);
}

/**
 * The URI of a resource: `maillon://<swarm>/<owner>/<namespace or *>/<actions>/<prefix>`. Throws `NameError` for one
 * that has none.
 */
export function formatResource(resource: Resource): string {
  checkResource(resource);
  const { swarm, owner, namespace, actions, prefix } = resource;
  const text = `${SCHEME}//${swarm}/${owner}/${namespace}/${actions.join()}/${escapePrefix(prefix)}`;
  if (text.length > RESOURCE_MAX_LENGTH) throw bad(`exceeds ${RESOURCE_MAX_LENGTH} characters`);
  return text;
}

/** Reads the URI of a resource. Throws `NameError` for what is not the one spelling of one. */
export function parseResource(text: string): Resource {
  if (text.length > RESOURCE_MAX_LENGTH) throw bad(`exceeds ${RESOURCE_MAX_LENGTH} characters`);
  const parts = text.split('/', PARTS + 1);
  const [scheme, authority, swarm = '', owner = '', namespace = '', actions = '', prefix = ''] = parts;
  if (parts.length !== PARTS || scheme !== SCHEME || authority !== '') {
    throw bad('must be maillon://<swarm>/<owner>/<namespace>/<actions>/<prefix>');
  }
  const resource = {
    swarm,
    owner,
    namespace,
    actions: actions.split(',') as Action[],
    prefix: unescapePrefix(prefix),
  };
  checkResource(resource);
  // names, DIDs and actions that hold have no other spelling
  if (escapePrefix(resource.prefix) !== prefix) throw bad('is not in its one spelling');
  return resource;
}

/** Whether all that `inner` grants is granted by `outer`, too. */
export function contains(outer: Resource, inner: Resource): boolean {
  return (
    outer.swarm === inner.swarm &&
    outer.owner === inner.owner &&
    (outer.namespace === ALL_NAMESPACES || outer.namespace === inner.namespace) &&
    inner.actions.every((action) => outer.actions.includes(action)) &&
    // of well-formed text the same as bytewise in UTF-8
    inner.prefix.startsWith(outer.prefix)
  );
}

/** Whether `resource` grants what is asked for in `swarm`. */
export function grants(resource: Resource, asked: AskedResource, swarm: string): boolean {
  return (
    resource.swarm === swarm &&
    resource.owner === asked.owner &&
    (resource.namespace === ALL_NAMESPACES || resource.namespace === asked.namespace) &&
    resource.actions.includes(asked.action) &&
    asked.resource.startsWith(resource.prefix)
  );
}

function escapePrefix(prefix: string): string {
  return encodeURIComponent(prefix).replace(
    LEFT_BY_ENCODER,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function unescapePrefix(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad('has a prefix that is not percent-encoded UTF-8');
  }
}

function bad(what: string): NameError {
  return new NameError('bad_resource', `resource ${what}`);
}
