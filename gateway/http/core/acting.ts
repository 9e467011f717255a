/** Decides through which relay and storage a request publishes, writes and reads; no other module does. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Relay, Storage } from '../../../node/index.ts';
import type { Holder } from '../../auth/identity.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Context } from './context.ts';
import { needOf } from './credentials.ts';

export interface ActingStorage
  extends Pick<
    Storage,
    'put' | 'putBlob' | 'get' | 'delete' | 'list' | 'where' | 'beginUpload' | 'resumeUpload'
  > {
  /** Before bytes are taken that are to be stored: throws `no_room` where a wallet is promised none. */
  mayStore(): Promise<void>;
}

export interface Acting {
  readonly relay: Pick<Relay, 'publish'>;
  readonly storage: ActingStorage;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The means by which it publishes, writes and reads; follows from its principal. */
    readonly acting: Acting;
  }
}

type ActingContext = Pick<Context, 'relay' | 'storage' | 'node' | 'auth'>;

const NO_CREDENTIAL = 'without a credential nothing is published or written here';
const NO_WRITE = 'this credential does not grant write';

export function addActing(app: FastifyInstance, context: ActingContext): void {
  app.decorateRequest('acting', {
    getter() {
      return actingOf(context, this);
    },
  });
  // what is published and written each node checks; who reads, gateways only
  app.addHook('preHandler', async (request) => {
    const { principal } = request;
    if (!('delegation' in principal) || principal.delegation === null || needOf(request) !== 'read') return;
    const { did: owner, namespace, delegation } = principal;
    await context.node.checkChain(delegation.chain, { owner, namespace, action: 'read', resource: '' });
  });
}

/**
 * The operator, and who acts in what the operator holds, as the node itself; a wallet that delegated, within what it did; who has no
 * credential, only where a policy lets anyone, which was looked at before.
 */
function actingOf(
  context: ActingContext,
  { principal, routeOptions }: Pick<FastifyRequest, 'principal' | 'routeOptions'>,
): Acting {
  if (principal.kind === 'operator') return asNode(context);
  if (principal.kind === 'anonymous') {
    const isLetIn = routeOptions.config.sharedNamespace !== undefined;
    return isLetIn ? asNode(context) : refusing(context, NO_CREDENTIAL, NO_CREDENTIAL);
  }
  const { scopes, custody } = principal;
  if (!scopes.includes('write')) return refusing(context, NO_WRITE, NO_WRITE);
  if (custody === 'operator') return asNode(context);
  if (custody !== 'client') return within(context, principal);
  const { relay, storage } = refusing(
    context,
    'your own key signs in this session: hand in signed envelopes with POST /v1/pubsub/envelopes',
    'your own key signs in this session: hand in signed records with POST /v1/records',
  );
  // the record that names what is uploaded is signed by that key
  return { relay, storage: { ...storage, ...uploadsOf(context.storage), mayStore: async () => undefined } };
}

function asNode({ relay, storage }: ActingContext): Acting {
  return {
    relay,
    storage: {
      ...readingOf(storage),
      ...uploadsOf(storage),
      put: (...call) => storage.put(...call),
      putBlob: (...call) => storage.putBlob(...call),
      delete: (...call) => storage.delete(...call),
      mayStore: async () => undefined,
    },
  };
}

/** Under the wallet's chain, or without one in what the operator holds; as much as the wallet is promised. */
function within({ relay, storage, auth }: ActingContext, holder: Holder): Acting {
  const { delegation } = holder;
  const under = delegation === null ? {} : { chain: delegation.chain };
  const mayStore = (): Promise<void> => auth.promises.keep(holder, delegation);
  return {
    relay: { publish: (request) => relay.publish({ ...request, ...under }) },
    storage: {
      ...readingOf(storage),
      ...uploadsOf(storage),
      put: async (name, value, options) => {
        await mayStore();
        return storage.put(name, value, { ...options, ...under });
      },
      putBlob: async (name, link, options) => {
        await mayStore();
        return storage.putBlob(name, link, { ...options, ...under });
      },
      mayStore,
      delete: (name, options) => storage.delete(name, { ...options, ...under }),
    },
  };
}

function refusing({ storage }: ActingContext, publishing: string, writing: string): Acting {
  return {
    relay: { publish: refuse(publishing) },
    storage: {
      ...readingOf(storage),
      put: refuse(writing),
      putBlob: refuse(writing),
      delete: refuse(writing),
      beginUpload: refuse(writing),
      resumeUpload: refuseNow(writing),
      mayStore: refuse(writing),
    },
  };
}

function refuse(message: string): () => Promise<never> {
  return async () => refuseNow(message)();
}

function refuseNow(message: string): () => never {
  return () => {
    throw new GatewayError('forbidden', message);
  };
}

function readingOf(storage: Storage): Pick<Storage, 'get' | 'list' | 'where'> {
  return {
    get: (...call) => storage.get(...call),
    list: (...call) => storage.list(...call),
    where: (...call) => storage.where(...call),
  };
}

function uploadsOf(storage: Storage): Pick<Storage, 'beginUpload' | 'resumeUpload'> {
  return {
    beginUpload: (...call) => storage.beginUpload(...call),
    resumeUpload: (...call) => storage.resumeUpload(...call),
  };
}
