/** Owners, and what is signed in their namespaces. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { Config, Delivery, MaillonNode } from '../../node/index.ts';
import * as cbor from './cbor.ts';
import { authorOf, EXAMPLE as ENVELOPE, envelope, SWARM, shardNumber } from './envelopes.ts';
import { delegation, type Principal, type Session, sessionOf, texts, uri } from './identities.ts';
import { scores } from './node.ts';
import { until } from './processes.ts';
import { namespaceIdOf, partitionNumber, EXAMPLE as RECORD, record, TOMBSTONE } from './records.ts';
import { startMembers, textOf } from './storage.ts';

export const NAMESPACE = 'default';

export interface Act {
  /** DID of the namespace's owner. */
  readonly owner: string;
  readonly namespace?: string;
  readonly by: Session;
  readonly chain?: readonly Uint8Array[];
  /** When it is said to be signed; now if not said. */
  readonly time?: number;
  readonly swarm?: string;
}

export interface Said extends Act {
  readonly topic?: string;
  readonly text: string;
}

export interface Written extends Act {
  readonly key: string;
  /** Null deletes. */
  readonly text: string | null;
}

/** A key that nobody had before. */
export function newSession(): Session {
  return sessionOf(authorOf(randomBytes(32)));
}

/** `issuer` lets `audience` do it; `by` the resources it names, in the words of `uri`. */
export function grant(
  issuer: Principal,
  audience: Principal,
  {
    resources,
    notBefore,
    expiry,
    swarm,
  }: {
    readonly resources?: readonly string[];
    readonly notBefore?: number;
    readonly expiry?: number;
    readonly swarm?: string;
  } = {},
): Buffer {
  return delegation(
    issuer,
    audience,
    {
      resources: texts(...(resources ?? [uri(issuer.did)])),
      notBefore: notBefore === undefined ? cbor.NULL : cbor.integer(notBefore),
      expiry: expiry === undefined ? cbor.NULL : cbor.integer(expiry),
      nonce: cbor.bytes(randomBytes(16)),
    },
    swarm ?? SWARM,
  );
}

/** An envelope with one message, never the same twice. */
export function said(one: Said): Buffer {
  const { owner, namespace = NAMESPACE, topic = 'hello', text, by, chain = [], time = Date.now() } = one;
  return envelope(
    {
      ...ENVELOPE,
      owner: cbor.text(owner),
      namespace: cbor.text(namespace),
      topic: cbor.text(topic),
      author: cbor.bytes(by.author.multikey),
      time: cbor.integer(time),
      messages: cbor.list([cbor.bytes(Buffer.from(text))]),
      chain: cbor.list(chain.map((link) => cbor.bytes(link))),
      ext: cbor.map([['r', cbor.bytes(randomBytes(8))]]),
    },
    { author: by.author, swarm: one.swarm ?? SWARM },
  );
}

/** A value or a tombstone. */
export function written(one: Written): Buffer {
  const { owner, namespace = NAMESPACE, key, text, by, chain = [], time = Date.now() } = one;
  return record(
    {
      ...RECORD,
      owner: cbor.text(owner),
      namespace: cbor.text(namespace),
      key: cbor.text(key),
      author: cbor.bytes(by.author.multikey),
      ms: cbor.integer(time),
      time: cbor.integer(time),
      ...(text === null ? TOMBSTONE : { value: cbor.bytes(Buffer.from(text)) }),
      chain: cbor.list(chain.map((link) => cbor.bytes(link))),
      ext: cbor.map([['r', cbor.bytes(randomBytes(8))]]),
    },
    { author: by.author, swarm: one.swarm ?? SWARM },
  );
}

/** The shard on which an envelope goes. */
export function shardOf({ owner, namespace = NAMESPACE, topic = 'hello' }: Said): number {
  return shardNumber({ owner, namespace, topic });
}

/** Where a key is. */
export function placeOf(owner: string, key: string, namespace = NAMESPACE) {
  return { namespaceId: namespaceIdOf(owner, namespace), partition: partitionNumber(key) };
}

/** Nodes that all know each other. */
export function startTenantNodes(
  t: TestContext,
  count: number,
  settings: Partial<Config> = {},
): Promise<MaillonNode[]> {
  return startMembers(t, count, { settings });
}

/** The same, when gossip of each leads to all others. */
export async function startMeshed(
  t: TestContext,
  count: number,
  settings: Partial<Config> = {},
): Promise<MaillonNode[]> {
  const nodes = await startTenantNodes(t, count, settings);
  await until('all are connected', () =>
    nodes.every((node) => node.status().mesh.every((size) => size >= count - 1)),
  );
  return nodes;
}

/** No node holds anything against another one. */
export async function assertHonestScores(nodes: readonly MaillonNode[]): Promise<void> {
  const honest = new Set(nodes.map((node) => node.status().peerId));
  for (const node of nodes) {
    const held = [...(await scores(node))].filter(([id, score]) => honest.has(id) && score < 0);
    assert.deepEqual(held, [], 'an honest peer is below 0');
  }
}

/** Deliveries of a node on a topic of an owner's namespace. */
export class TenantInbox {
  readonly deliveries: Delivery[] = [];

  constructor(node: MaillonNode, owner: string, namespace = NAMESPACE, topic = 'hello') {
    node.relay.subscribe({ owner, namespace, topic }, (one) => this.deliveries.push(one));
  }

  get texts(): string[] {
    return this.deliveries.map(({ data }) => Buffer.from(data).toString());
  }

  has(text: string): boolean {
    return this.texts.includes(text);
  }
}

/** Value `node` reads of a key; null for nothing. */
export async function readOf(
  node: MaillonNode,
  owner: string,
  key: string,
  namespace = NAMESPACE,
): Promise<string | null> {
  const found = await node.storage.get({ owner, namespace, key });
  return textOf(found);
}
