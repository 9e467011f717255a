/** Client-signed objects on their way to a gateway; and the rights that a gateway knows of. */
import { bytesToBase64 } from './base64.ts';
import { checkNamespaceText } from './names.ts';
import { call, type Query, type TransportInit, urlOf } from './transport.ts';

export interface NamespaceRule {
  readonly anyone: boolean;
  /** DIDs beside the holder's, each with those it delegates to. */
  readonly dids: readonly string[];
}

export interface NamespaceRules {
  readonly publish: NamespaceRule;
  readonly write: NamespaceRule;
  /** Enforced by gateways only. */
  readonly read: NamespaceRule;
  /** Prefixes of topics that anybody may read at gateways. */
  readonly publicTopics: readonly string[];
  readonly isPublic: boolean;
  /** Null: no bound but the node's. */
  readonly quotaBytes: number | null;
  readonly quotaKeys: number | null;
  readonly retentionMs: number | null;
  /** Sites on which a sign-in may have been made; empty: any. */
  readonly domains: readonly string[];
}

export interface NamespacePolicy {
  /** In hex: what the next policy names as the one before. */
  readonly digest: string;
  /** DID in whose name it was made. */
  readonly as: string;
  readonly time: number;
}

/** The holder of a namespace, and the rights in it, as far as the gateway's node knows. */
export interface NamespaceView {
  /** As the gateway's clients name it: `name`, or `name@did:…`. */
  readonly namespace: string;
  readonly name: string;
  /** DID by which it was made; empty for nobody. */
  readonly owner: string;
  /** In hex. */
  readonly id: string;
  readonly holder: string;
  /** Sequence of the latest policy; 0 before the first. */
  readonly sequence: number;
  readonly policy: NamespacePolicy | null;
  /** Policies known there. */
  readonly history: number;
  readonly rules: NamespaceRules;
  /** DIDs of the operators whose nodes keep durable replicas: the holder itself, and those it named that accepted. */
  readonly sponsors: readonly string[];
  /** Whether the gateway's node keeps what is written to it until it ends. */
  readonly sponsored: boolean;
}

/** A holder that named the gateway's operator, which accepted. */
export interface SponsorshipEntry {
  readonly owner: string;
  /** `*` for all that the owner made. */
  readonly namespace: string;
  readonly holder: string;
  readonly as: string;
  readonly time: number;
}

/** A policy, revocation or sponsorship that the gateway's node took. */
export type TakenNotice =
  | {
      readonly kind: 'policy';
      readonly digest: string;
      readonly namespace: string;
      readonly sequence: number;
      readonly holder: string;
      readonly as: string;
      readonly time: number;
    }
  | {
      readonly kind: 'revocation';
      readonly digest: string;
      /** A DID, or the digest of a link in hex. */
      readonly target: string;
      readonly as: string;
      readonly time: number;
    }
  | (SponsorshipEntry & {
      readonly kind: 'sponsorship';
      readonly digest: string;
      /** The operator ends it. */
      readonly withdrawn: boolean;
    });

/** Sends signed bytes as they are. Throws `ClientError`. */
export async function sendSigned<T>(
  init: TransportInit,
  path: string,
  bytes: Uint8Array,
  query: Query = {},
): Promise<T> {
  return call<T>(init, urlOf(init, path, query), {
    method: 'POST',
    headers: { 'content-type': 'application/cbor' },
    body: Uint8Array.from(bytes),
  });
}

export async function nameSponsor(
  init: TransportInit,
  naming: readonly Uint8Array[],
): Promise<SponsorshipEntry> {
  return call<SponsorshipEntry>(init, urlOf(init, '/v1/namespaces/sponsorships', {}), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ naming: naming.map(bytesToBase64) }),
  });
}

export async function getNamespace(init: TransportInit, name: string): Promise<NamespaceView> {
  checkNamespaceText(name);
  return call<NamespaceView>(init, urlOf(init, `/v1/namespaces/${encodeURIComponent(name)}`, {}));
}
