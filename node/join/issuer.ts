import { randomBytes } from 'node:crypto';
import { multiaddr } from '@multiformats/multiaddr';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto, Ed25519Signer } from '../../protocols/common/crypto.ts';
import { parseDid } from '../../protocols/common/did.ts';
import { didKey, encodeMultikey } from '../../protocols/common/did-key.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import type { ChainVerifier } from '../../protocols/identity/index.ts';
import {
  ADDRESSES_MAX,
  type EntryPoint,
  formatInvite,
  hashSecret,
  INVITE_ID_BYTES,
  JoinError,
  type JoinMetrics,
  JoinServer,
  type MemberRole,
  SECRET_BYTES,
} from '../../protocols/join/index.ts';
import { NoticeMaker, type RevocationTarget } from '../../protocols/namespaces/index.ts';
import { withoutOwnId } from '../directory/entry.ts';
import type { NodeView } from '../directory/interface.ts';
import { worthAnnouncing } from '../directory/self.ts';
import type { Identity } from '../identity/identity.ts';
import type { Namespaces } from '../namespaces/interface.ts';
import type { Network } from '../network/libp2p.ts';
import type { EventLog } from '../observability/events.ts';
import type { Logger } from '../observability/logger.ts';
import { keyOfPeer, peerOfKey } from '../runtime/peer-ids.ts';
import { checkGrant, delegateToMember } from './grant.ts';
import type { InviteRequest, MadeInvite, Member, Members, MembersView, RevokedView } from './interface.ts';
import { type BookedInvite, InviteBook, isOpen } from './invite-book.ts';
import { INVITE_LIFETIME_MAX_MS, INVITE_LIFETIME_MIN_MS, INVITE_LIFETIME_MS } from './limits.ts';

export interface IssuerComponents {
  readonly network: Pick<Network, 'getPeers' | 'services'>;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly identity: Identity;
  /** The operator's key. */
  readonly owner: Ed25519Signer;
  readonly verifier: ChainVerifier;
  readonly namespaces: Pick<Namespaces, 'revokersOf' | 'submit'>;
  readonly nodes: () => readonly NodeView[];
  readonly metrics: JoinMetrics;
  readonly logger: Logger;
  readonly events: EventLog;
}

export interface IssuerInit {
  readonly swarm: string;
  readonly data: string;
  /** Key of a private network, 32 bytes; empty where the network is open. */
  readonly networkKey: Uint8Array;
}

const INVITE_ID = /^[0-9a-f]{16}$/;
const NO_BYTES = new Uint8Array();

/** Makes invites, lets machines join with them, renews their delegations and revokes them: where the operator's key is. */
export class Issuer implements Members {
  readonly #components: IssuerComponents;
  readonly #init: IssuerInit;
  readonly #book: InviteBook;
  readonly #server: JoinServer;
  readonly #did: string;

  /** Throws `bad_invites`. */
  constructor(components: IssuerComponents, init: IssuerInit) {
    const { crypto, clock, metrics, owner } = components;
    this.#components = components;
    this.#init = init;
    this.#did = didKey(encodeMultikey(owner.publicKey));
    this.#book = new InviteBook({ clock }, { data: init.data });
    this.#server = new JoinServer({
      crypto,
      clock,
      metrics,
      find: (id) => this.#book.find(id),
      bind: ({ id }, key, name) => this.#bind(id, key, name),
      isRevoked: (key) => this.#isRevoked(key),
      grant: (key, role) => this.#grant(key, role),
      renew: (...call) => this.#renew(...call),
      entryPoints: () => this.#entryPoints(),
    });
  }

  /** The answer to a request to join of a peer. Rejects with `JoinError` for one that cannot be read. */
  async answer(request: Uint8Array, peer: string): Promise<Uint8Array> {
    const key = keyOfPeer(peer);
    if (key === null) throw new JoinError('frame_malformed', 'only peers with an Ed25519 key can join');
    return this.#server.answer(request, key);
  }

  async invite({ role, lifetimeMs = INVITE_LIFETIME_MS, to }: InviteRequest): Promise<MadeInvite> {
    const { crypto, clock, identity } = this.#components;
    const { swarm, networkKey } = this.#init;
    checkLifetime(lifetimeMs);
    const audience = to === undefined ? null : this.#audienceOf(to);
    const addresses = this.#addresses();
    if (addresses.length === 0) {
      const message = 'this node listens at no swarm address: make the invite at a full node of this owner';
      throw new CodedError('not_listening', message);
    }
    const created = clock.now();
    const id = new Uint8Array(randomBytes(INVITE_ID_BYTES));
    const secret = audience === null ? new Uint8Array(randomBytes(SECRET_BYTES)) : NO_BYTES;
    const granted = audience === null ? null : await this.#delegate(audience, role);
    const expiry = created + lifetimeMs;
    const entry = { id, role, created, expiry, isRevoked: false, name: '' };
    this.#book.add(
      granted === null
        ? { ...entry, secretHash: hashSecret({ id, secret }, crypto), usedBy: null, usedAt: 0, endsAt: 0 }
        : { ...entry, secretHash: NO_BYTES, usedBy: audience, usedAt: created, endsAt: granted.endsAt },
    );
    const issuer = encodeMultikey(identity.signer.publicKey);
    const base = { id, secret, role, swarm, owner: this.#did, issuer, addresses, networkKey, expiry };
    return {
      invite: formatInvite({ ...base, chain: granted?.chain ?? [] }, crypto),
      id: idText(id),
      role,
      swarm,
      owner: this.#did,
      expiresAt: expiry,
      addresses: addresses.map((bytes) => multiaddr(bytes).toString()),
      hasNetworkKey: networkKey.byteLength > 0,
    };
  }

  async list(): Promise<MembersView> {
    const { clock, identity, network, nodes } = this.#components;
    const now = clock.now();
    const connected = new Set(network.getPeers().map(String));
    const seen = new Map(nodes().map(({ id, lastSeen }) => [id, lastSeen]));
    const entries = this.#book.list();
    return {
      owner: this.#did,
      peerId: identity.peerId,
      members: latestByKey(entries).map(([key, entry]): Member => {
        const peerId = peerOfKey(key);
        const isConnected = connected.has(peerId);
        return {
          peerId,
          did: didKey(key),
          role: entry.role,
          name: entry.name,
          inviteId: idText(entry.id),
          joinedAt: entry.usedAt,
          isConnected,
          lastSeen: isConnected ? now : (seen.get(peerId) ?? 0),
          endsAt: entry.endsAt,
          isRevoked: this.#isRevoked(key),
        };
      }),
      invites: entries
        .filter((entry) => isOpen(entry, now))
        .map(({ id, role, created, expiry }) => {
          return { id: idText(id), role, createdAt: created, expiresAt: expiry };
        }),
    };
  }

  async revoke(target: string): Promise<RevokedView> {
    const knowsNetworkKey = this.#init.networkKey.byteLength > 0;
    if (!INVITE_ID.test(target)) return this.#revokeMember(this.#audienceOf(target));
    const id = new Uint8Array(Buffer.from(target, 'hex'));
    const entry = this.#book.find(id);
    if (entry === null) {
      throw new CodedError('no_such_member', `there is no invite ${target}: see maillon members`);
    }
    if (entry.usedBy !== null) return this.#revokeMember(entry.usedBy);
    this.#book.change(id, { isRevoked: true });
    this.#components.events.report('invite_revoked', { invite: target });
    return { kind: 'invite', id: target, did: null, knowsNetworkKey };
  }

  /** The notice first: it is what every node acts on, and it holds although the machine is absent. */
  async #revokeMember(key: Uint8Array): Promise<RevokedView> {
    const { crypto, clock, owner, namespaces, events } = this.#components;
    const did = didKey(key);
    if (!this.#isRevoked(key)) {
      const maker = new NoticeMaker({ crypto, signer: owner }, { swarm: this.#init.swarm });
      const notice = await maker.revocation({ target: { did }, time: clock.now(), as: this.#did, chain: [] });
      await namespaces.submit(notice.bytes);
      events.report('member_revoked', { peer: peerOfKey(key), did });
    }
    const networkKey = this.#init.networkKey;
    return { kind: 'member', id: peerOfKey(key), did, knowsNetworkKey: networkKey.byteLength > 0 };
  }

  /** Another machine's key (multikey) of its peer id or did:key. Throws `bad_address`. */
  #audienceOf(text: string): Uint8Array {
    const key = text.startsWith('did:') ? keyOfDid(text) : keyOfPeer(text);
    if (key === null) {
      throw new CodedError(
        'bad_address',
        'name a machine by its peer id (12D3KooW…) or its did:key or, to revoke, an invite by its id',
      );
    }
    if (didKey(key) === this.#components.identity.author) {
      throw new CodedError('bad_address', `${text} is this node itself: name another machine`);
    }
    return key;
  }

  #isRevoked(key: Uint8Array): boolean {
    return this.#hasRevoked({ did: didKey(key) });
  }

  #hasRevoked(target: RevocationTarget): boolean {
    return this.#components.namespaces.revokersOf(target)?.has(this.#did) === true;
  }

  #bind(id: Uint8Array, usedBy: Uint8Array, name: string): void {
    const { clock, events, logger } = this.#components;
    try {
      this.#book.change(id, { usedBy, name, usedAt: clock.now() });
    } catch (error) {
      logger.error({ err: error }, 'the use of an invite cannot be written to the disk, so it is refused');
      throw error;
    }
    events.report('member_joined', { peer: peerOfKey(usedBy), name, invite: idText(id) });
  }

  async #delegate(key: Uint8Array, role: MemberRole): ReturnType<typeof delegateToMember> {
    return delegateToMember(this.#components, { swarm: this.#init.swarm, key, role });
  }

  async #grant(key: Uint8Array, role: MemberRole): Promise<readonly Uint8Array[]> {
    const { chain, endsAt } = await this.#delegate(key, role);
    this.#note(key, { endsAt });
    return chain;
  }

  /**
   * Any chain that was made for a member is renewed, be it by another node that holds the operator's key: the chain itself shows what the
   * owner decided.
   */
  async #renew(
    key: Uint8Array,
    chain: readonly Uint8Array[],
    name: string,
  ): Promise<readonly Uint8Array[] | null> {
    try {
      const { swarm } = this.#init;
      const { role, links } = await checkGrant(this.#components, { chain, key, owner: this.#did, swarm });
      // one that leads through another key was not made here
      if (role === null || links.length !== 1) return null;
      // the owner withdrew just this delegation: a new one would undo that
      if (links.some(({ digest }) => this.#hasRevoked({ link: digest }))) return null;
      const granted = await this.#delegate(key, role);
      this.#note(key, { endsAt: granted.endsAt, name });
      return granted.chain;
    } catch (error) {
      if (error instanceof JoinError) return null;
      throw error;
    }
  }

  /** Shown to people; the delegation holds whether or not it could be noted. */
  #note(key: Uint8Array, change: { readonly endsAt: number; readonly name?: string }): void {
    const entry = this.#book.memberOf(key);
    if (entry === null) return;
    try {
      this.#book.change(entry.id, change);
    } catch (error) {
      this.#components.logger.warn({ err: error }, 'when a member’s delegation ends could not be noted');
    }
  }

  #addresses(): Uint8Array[] {
    const { network, identity } = this.#components;
    const own = network.services.reach
      .ownAddresses()
      .map((address) => withoutOwnId(address, identity.peerId));
    return worthAnnouncing(own.map((text) => multiaddr(text).bytes));
  }

  /** This node first, then others that it has reached, so that a member starts while this one is away. */
  #entryPoints(): EntryPoint[] {
    const { identity, nodes } = this.#components;
    const own = encodeMultikey(identity.signer.publicKey);
    const others = nodes().flatMap(({ id, addresses, reach, isSelf }) => {
      const [first] = addresses;
      const key = keyOfPeer(id);
      if (isSelf || reach !== 'direct' || first === undefined || key === null) return [];
      return worthAnnouncing([multiaddr(withoutOwnId(multiaddr(first), id)).bytes]).map((address) => {
        return { key, address };
      });
    });
    return [...this.#addresses().map((address) => ({ key: own, address })), ...others].slice(
      0,
      ADDRESSES_MAX,
    );
  }
}

function latestByKey(entries: readonly BookedInvite[]): [Uint8Array, BookedInvite][] {
  const latest = new Map<string, [Uint8Array, BookedInvite]>();
  for (const entry of entries) {
    if (entry.usedBy !== null) latest.set(didKey(entry.usedBy), [entry.usedBy, entry]);
  }
  return [...latest.values()];
}

/** Null for a DID that is no Ed25519 key. */
function keyOfDid(text: string): Uint8Array | null {
  try {
    const did = parseDid(text);
    return did.kind === 'key' && did.curve === 'ed25519' ? encodeMultikey(did.publicKey) : null;
  } catch (error) {
    if (error instanceof CodedError) return null;
    throw error;
  }
}

function checkLifetime(ms: number): void {
  if (ms >= INVITE_LIFETIME_MIN_MS && ms <= INVITE_LIFETIME_MAX_MS) return;
  throw new CodedError('bad_lifetime', 'an invite must be usable for 1m to 30d, such as 1h');
}

function idText(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}
