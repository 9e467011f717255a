/**
 * The client SDK: a swarm through a gateway, from a browser or from Node. It needs nothing but `fetch` and
 * `WebSocket`.
 */

import { admitTo, platformTakesHeaders, WEBSOCKET_PATH } from './admission.ts';
import type { Info, NodeEntry, Peer, Status, StorageStatus, Version } from './answers.ts';
import { bytesToBase64 } from './base64.ts';
import { type Blobs, createBlobs } from './blobs.ts';
import { Connection, type WebSocketConstructor } from './connection.ts';
import type { Credential } from './credential.ts';
import { DEFAULT_NAMESPACE, type Receipt } from './frames.ts';
import { createKv, type Durability, type Kv, type Written } from './kv.ts';
import {
  getNamespace,
  type NamespaceView,
  nameSponsor,
  type SponsorshipEntry,
  sendSigned,
  type TakenNotice,
} from './signed.ts';
import { type Stream, Subscriber } from './stream.ts';
import { call, holdCredential, type Query, send, type TransportInit, urlOf } from './transport.ts';
import { createUploads, type Uploads } from './uploads.ts';

export type {
  Holder,
  Info,
  NetworkStatus,
  NodeEntry,
  Peer,
  Status,
  StorageStatus,
  Version,
  Where,
} from './answers.ts';
export {
  Author,
  type AuthorComponents,
  type AuthorInit,
  type EnvelopeDraft,
  type RecordDraft,
} from './author.ts';
export type { BlobEntry, BlobPage, Blobs, OpenBlob, PinnedBlob, PutBlobOptions } from './blobs.ts';
export type { WebSocketConstructor, WebSocketLike } from './connection.ts';
export type { Credential, Tokens } from './credential.ts';
export type { Body, DownloadOptions } from './download.ts';
export { ClientError } from './errors.ts';
export { DEFAULT_NAMESPACE, type Receipt } from './frames.ts';
export type {
  Consistency,
  DeleteOptions,
  Durability,
  Entry,
  Kv,
  ListOptions,
  OpenOptions,
  OpenValue,
  Page,
  PutOptions,
  ReadOptions,
  Value,
  ValueHead,
  Written,
} from './kv.ts';
export type {
  NamespacePolicy,
  NamespaceRule,
  NamespaceRules,
  NamespaceView,
  SponsorshipEntry,
  TakenNotice,
} from './signed.ts';
export type { Source } from './sources.ts';
export type { Message, Stream } from './stream.ts';
export type { SendOptions, UploadState, Uploads } from './uploads.ts';

export interface ClientInit {
  /** URL of the gateway, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** The platform's unless given. */
  readonly fetch?: typeof globalThis.fetch;
  /**
   * The client's identity; without one the gateway identifies the client by its address. Its namespace is meant where none is
   * said.
   */
  readonly credential?: Credential;
  /** The platform's unless given. */
  readonly WebSocket?: WebSocketConstructor;
}

export interface PublishOptions {
  readonly namespace?: string;
  readonly topic: string;
  /** Text is sent as UTF-8. */
  readonly data: Uint8Array | string;
  /** After this (milliseconds since the Unix epoch) no node accepts it. */
  readonly expiry?: number;
  /** With the same key a repeated publish does nothing more and returns the same receipt, for 10 minutes. */
  readonly idempotencyKey?: string;
}

export interface SubscribeOptions {
  readonly namespace?: string;
  readonly topic: string;
  /** Ends the subscription when aborted. */
  readonly signal?: AbortSignal;
}

export interface Client {
  publish(options: PublishOptions): Promise<Receipt>;
  /**
   * Messages from now on, in the order they come. All subscriptions of a client share one WebSocket, which is
   * there while there are any. When it is cut iterating throws `ClientError`, after the messages that had arrived:
   * `unauthenticated` (4001) where the session or API key has ended, which is not tried again;
   * so it does, for this stream only, when this side reads it too slowly.
   */
  subscribe(options: SubscribeOptions): Stream;
  topics(namespace?: string): Promise<string[]>;
  /** Values under keys of a namespace: unless said, that of the credential, and without one `default`. */
  kv(namespace?: string): Kv;
  /** Blobs by their CIDs, of a namespace as with `kv`. */
  blobs(namespace?: string): Blobs;
  /** Uploads, of a namespace as with `kv`: `kv.put` and `blobs.put` use them by themselves. */
  uploads(namespace?: string): Uploads;
  /** Publishes an envelope that an `Author` signed. The same bytes once more: `duplicate`. */
  submitEnvelope(bytes: Uint8Array): Promise<Receipt>;
  /** Writes a record that an `Author` signed; `precondition_failed`, with `detail.etag`, when what is there is not below it. */
  submitRecord(bytes: Uint8Array, options?: { readonly durability?: Durability }): Promise<Written>;
  /** Hands in a signed policy, revocation or sponsorship, which every node will keep. */
  submitNotice(bytes: Uint8Array): Promise<TakenNotice>;
  /**
   * Names the gateway's operator by links from a namespace's holder that grant `sponsor`: its nodes keep durable replicas then. `forbidden`
   * where the operator does not list the owner.
   */
  sponsor(naming: readonly Uint8Array[]): Promise<SponsorshipEntry>;
  /** The holder of a namespace, and the rights in it. */
  namespace(name: string): Promise<NamespaceView>;
  /** Storage that the gateway's node offers to the swarm. */
  storage(): Promise<StorageStatus>;
  status(): Promise<Status>;
  peers(): Promise<Peer[]>;
  /** The swarm's directory, or those of it that were reached so. */
  nodes(reach?: 'direct' | 'relayed' | 'any'): Promise<NodeEntry[]>;
  info(): Promise<Info>;
  version(): Promise<Version>;
}

/** Makes a client. Nothing is sent before the first call. */
export function createClient({ credential, WebSocket, ...gateway }: ClientInit): Client {
  const init: TransportInit =
    credential === undefined ? gateway : { ...gateway, credentials: holdCredential(gateway, credential) };
  const get = async <T>(path: string, query: Query = {}): Promise<T> =>
    call<T>(init, urlOf(init, path, query));
  return {
    publish: async (options) => publish(init, options),
    subscribe: subscriberTo(init, WebSocket),
    topics: async (namespace) => {
      return (await get<{ topics: string[] }>('/v1/pubsub/topics', { namespace })).topics;
    },
    kv: (namespace = ownNamespace(init)) => createKv(init, namespace),
    blobs: (namespace = ownNamespace(init)) => createBlobs(init, namespace),
    uploads: (namespace = ownNamespace(init)) => createUploads(init, namespace),
    submitEnvelope: async (bytes) => receiptOf(await sendSigned(init, '/v1/pubsub/envelopes', bytes)),
    submitRecord: async (bytes, { durability } = {}) =>
      sendSigned(init, '/v1/records', bytes, { durability }),
    submitNotice: async (bytes) => sendSigned(init, '/v1/namespaces/notices', bytes),
    sponsor: async (naming) => nameSponsor(init, naming),
    namespace: async (name) => getNamespace(init, name),
    storage: async () => get('/v1/network/storage'),
    status: async () => get('/v1/status'),
    peers: async () => (await get<{ peers: Peer[] }>('/v1/network/peers')).peers,
    nodes: async (reach) => (await get<{ nodes: NodeEntry[] }>('/v1/network/nodes', { reach })).nodes,
    info: async () => get('/v1/info'),
    version: async () => get('/v1/version'),
  };
}

/** Subscribes over the connection that is open, or opens one. */
function subscriberTo(init: TransportInit, given: WebSocketConstructor | undefined): Client['subscribe'] {
  const admit = admitTo(init, { takesHeaders: given === undefined && platformTakesHeaders() });
  let current: Connection | undefined;
  return ({ namespace = ownNamespace(init), topic, signal }) => {
    // nobody waits for it any more: no connection is opened for that
    if (signal?.aborted === true) return new Subscriber({ signal, onEnd: () => undefined });
    const connection =
      current ??
      new Connection({
        admit,
        ask: async () => send(init, urlOf(init, WEBSOCKET_PATH, {})),
        WebSocket: given ?? WebSocket,
        onOver: () => {
          if (current === connection) current = undefined;
        },
      });
    current = connection;
    return connection.subscribe({ namespace, topic, signal });
  };
}

function ownNamespace({ credentials }: TransportInit): string {
  return credentials?.namespace ?? DEFAULT_NAMESPACE;
}

async function publish(init: TransportInit, options: PublishOptions): Promise<Receipt> {
  const { topic, namespace, expiry, idempotencyKey } = options;
  const data = typeof options.data === 'string' ? new TextEncoder().encode(options.data) : options.data;
  const answer = await call<Receipt>(init, urlOf(init, '/v1/pubsub/publish', {}), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    },
    body: JSON.stringify({ topic, namespace, expiry, data_base64: bytesToBase64(data) }),
  });
  return receiptOf(answer);
}

/** Picks the receipt from an answer. */
function receiptOf({ id, messageIds, peersReached, storedBy, durable }: Receipt): Receipt {
  return { id, messageIds, peersReached, storedBy, durable };
}
