import { CHAIN_MAX_BYTES, CHAIN_MAX_LINKS } from '../common/chain.ts';
import { checkOwnerDid } from '../common/did.ts';
import { decodeMultikey } from '../common/did-key.ts';
import type { CodedError } from '../common/errors.ts';
import { FieldChecks } from '../common/fields.ts';
import { checkSwarm } from '../common/names.ts';
import { NODE_ADDRESS_MAX_BYTES, parseNodeAddress } from '../common/node-address.ts';
import {
  ADDRESSES_MAX,
  INVITE_ID_BYTES,
  KEY_BYTES,
  MEMBER_NAME_MAX_LENGTH,
  MEMBER_ROLES,
  type MemberRole,
  NETWORK_KEY_BYTES,
  SECRET_BYTES,
} from './constants.ts';
import type { EntryPoint, Invite } from './invite.ts';

/** Visible ASCII and spaces: it is shown in terminals. */
const NAME = new RegExp(`^[\\x20-\\x7e]{0,${MEMBER_NAME_MAX_LENGTH}}$`);
const ENTRY_POINT_ITEMS = 2;

/** The fields as they come from a decoder: nothing is known of them yet. */
export type UncheckedInvite = { readonly [Field in keyof Invite]: unknown };

/** Checks fields of invites and frames; `fail` makes the error of a wrong one. */
export class JoinChecks extends FieldChecks {
  readonly #failed: (message: string) => CodedError;

  constructor(fail: (message: string) => CodedError) {
    super(fail);
    this.#failed = fail;
  }

  invite(unchecked: UncheckedInvite): Invite {
    const chain = this.chain(unchecked.chain);
    const secret = this.bytesOrNone('secret', unchecked.secret, SECRET_BYTES);
    if ((secret.byteLength === 0) !== chain.length > 0) {
      throw this.#failed('an invite must have a secret or a chain, and not both');
    }
    return {
      id: this.bytes('id', unchecked.id, INVITE_ID_BYTES),
      secret,
      role: this.role(unchecked.role),
      swarm: this.#nameOf('swarm', unchecked.swarm, checkSwarm),
      owner: this.#nameOf('owner', unchecked.owner, checkOwnerDid),
      issuer: this.key('issuer', unchecked.issuer),
      addresses: this.array('addresses', unchecked.addresses, ADDRESSES_MAX).map((one) => this.address(one)),
      networkKey: this.bytesOrNone('networkKey', unchecked.networkKey, NETWORK_KEY_BYTES),
      expiry: this.integer('expiry', unchecked.expiry, 0),
      chain,
    };
  }

  role(value: unknown): MemberRole {
    const role = MEMBER_ROLES.find((one) => one === value);
    if (role === undefined) throw this.#failed(`role must be one of ${MEMBER_ROLES.join(', ')}`);
    return role;
  }

  key(name: string, value: unknown): Uint8Array {
    const key = this.bytes(name, value, KEY_BYTES);
    this.named(() => decodeMultikey(key));
    return key;
  }

  chain(value: unknown): Uint8Array[] {
    const chain = this.array('chain', value, CHAIN_MAX_LINKS).map((link) =>
      this.bytes('link', link, CHAIN_MAX_BYTES, 1),
    );
    if (chain.reduce((sum, { byteLength }) => sum + byteLength, 0) > CHAIN_MAX_BYTES) {
      throw this.#failed(`chain exceeds ${CHAIN_MAX_BYTES} bytes`);
    }
    return chain;
  }

  /** A name that a machine gives itself. */
  memberName(value: unknown): string {
    const name = this.text('name', value);
    if (!NAME.test(name)) {
      throw this.#failed(`name must be at most ${MEMBER_NAME_MAX_LENGTH} visible ASCII characters`);
    }
    return name;
  }

  entryPoint(value: unknown): EntryPoint {
    const items = this.array('entry point', value, ENTRY_POINT_ITEMS);
    if (items.length !== ENTRY_POINT_ITEMS) throw this.#failed('entry point must be a key and an address');
    const [key, address] = items;
    return { key: this.key('key', key), address: this.address(address) };
  }

  address(value: unknown): Uint8Array {
    const address = this.bytes('address', value, NODE_ADDRESS_MAX_BYTES, 1);
    this.named(() => parseNodeAddress(address));
    return address;
  }

  bytesOrNone(name: string, value: unknown, length: number): Uint8Array {
    const bytes = this.bytes(name, value, length, 0);
    if (bytes.byteLength !== 0 && bytes.byteLength !== length) {
      throw this.#failed(`${name} must be empty or ${length} bytes`);
    }
    return bytes;
  }

  #nameOf(field: string, value: unknown, check: (text: string) => void): string {
    const text = this.text(field, value);
    this.named(() => check(text));
    return text;
  }
}

/** A host name as a member's name: what is no visible ASCII is left out, and no more than fits is kept. */
export function memberName(hostName: string): string {
  return hostName.replaceAll(/[^\x20-\x7e]/g, '').slice(0, MEMBER_NAME_MAX_LENGTH);
}
