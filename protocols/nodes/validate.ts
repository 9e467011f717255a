import { CHAIN_LINK_MAX_BYTES, CHAIN_MAX_BYTES, CHAIN_MAX_LINKS } from '../common/chain.ts';
import { CLOCK_GRACE_MS, CLOCK_SKEW_MS } from '../common/clock.ts';
import { checkDid } from '../common/did.ts';
import { decodeMultikey, didKey } from '../common/did-key.ts';
import { FieldChecks } from '../common/fields.ts';
import { NODE_ADDRESS_MAX_BYTES, parseNodeAddress } from '../common/node-address.ts';
import type { NodeAnnouncement } from './announcement.ts';
import {
  ADDRESSES_MAX,
  KEY_BYTES,
  LIFETIME_MAX_MS,
  REPLACE_INTERVAL_MS,
  SHARD_MAX,
  SHARDS_MAX,
  SOFTWARE_MAX_LENGTH,
} from './constants.ts';
import { NodesError } from './errors.ts';

const field = (message: string): NodesError => new NodesError('announcement_field', message);
const check = new FieldChecks(field);

/** Visible ASCII and spaces: it is shown in terminals and pages. */
const SOFTWARE = new RegExp(`^[\\x20-\\x7e]{1,${SOFTWARE_MAX_LENGTH}}$`);

/** The fields as they come from a decoder: nothing is known of them yet. */
export type UncheckedAnnouncement = { readonly [Field in keyof NodeAnnouncement]: unknown };

/** Checks every field and names the one that is wrong. Throws `NodesError` `announcement_field`. */
export function checkAnnouncement(
  announcement: UncheckedAnnouncement,
): asserts announcement is NodeAnnouncement {
  check.named(() => decodeMultikey(check.bytes('author', announcement.author, KEY_BYTES)));
  const time = check.integer('time', announcement.time, 0);
  const expiry = check.integer('expiry', announcement.expiry, 0);
  if (expiry <= time || expiry - time > LIFETIME_MAX_MS) {
    throw field(`expiry must be later than time, and by at most ${LIFETIME_MAX_MS} ms`);
  }
  const role = check.text('role', announcement.role);
  if (role !== 'full' && role !== 'light') throw field('role must be full or light');
  checkAddresses(announcement.addresses);
  if (!SOFTWARE.test(check.text('software', announcement.software))) {
    throw field(`software must be 1 to ${SOFTWARE_MAX_LENGTH} visible ASCII characters`);
  }
  check.integer('generation', announcement.generation, 0);
  checkShards(announcement.shards);
  check.integer('storageBytes', announcement.storageBytes, 0);
  check.integer('connections', announcement.connections, 0);
  checkOperator(announcement);
  if (typeof announcement.isReady !== 'boolean') throw field('ready must be true or false');
  check.ext(announcement.ext);
}

/** Throws `announcement_clock` or `announcement_expired` for one that may not be taken at `now`. */
export function checkTime(announcement: Pick<NodeAnnouncement, 'time' | 'expiry'>, now: number): void {
  const early = announcement.time - now - CLOCK_SKEW_MS;
  if (early > 0) {
    const message = `time is more than ${CLOCK_SKEW_MS} ms ahead of this node's clock`;
    throw new NodesError('announcement_clock', message, early <= CLOCK_GRACE_MS);
  }
  const late = now - announcement.expiry - CLOCK_SKEW_MS;
  if (late >= 0) {
    throw new NodesError('announcement_expired', 'announcement has expired', late <= CLOCK_GRACE_MS);
  }
}

/** Throws `announcement_old` or `announcement_too_soon` for one that does not replace the one known, of `knownTime`. */
export function checkReplaces({ time }: Pick<NodeAnnouncement, 'time'>, knownTime: number | undefined): void {
  if (knownTime === undefined) return;
  if (time <= knownTime) {
    throw new NodesError('announcement_old', 'announcement is not newer than the one known');
  }
  if (time - knownTime < REPLACE_INTERVAL_MS) {
    throw new NodesError(
      'announcement_too_soon',
      `a node may announce itself every ${REPLACE_INTERVAL_MS} ms`,
    );
  }
}

function checkAddresses(addresses: unknown): void {
  for (const address of check.array('addresses', addresses, ADDRESSES_MAX)) {
    const bytes = check.bytes('address', address, NODE_ADDRESS_MAX_BYTES, 1);
    check.named(() => parseNodeAddress(bytes));
  }
}

/** A node without an operator belongs to nobody; an operator that is the node's own key needs no chain. */
function checkOperator({ author, operator, chain }: UncheckedAnnouncement): void {
  const did = check.text('operator', operator);
  if (did !== '') check.named(() => checkDid(did));
  let total = 0;
  const links = check.array('chain', chain, CHAIN_MAX_LINKS);
  for (const link of links) total += check.bytes('chain link', link, CHAIN_LINK_MAX_BYTES, 1).byteLength;
  if (total > CHAIN_MAX_BYTES) throw field(`chain exceeds ${CHAIN_MAX_BYTES} bytes`);
  const needsChain = did !== '' && did !== didKey(author as Uint8Array);
  if (needsChain !== links.length > 0) throw field('chain must lead from the operator to the author');
}

function checkShards(shards: unknown): void {
  let last = -1;
  for (const shard of check.array('shards', shards, SHARDS_MAX)) {
    const number = check.integer('shard', shard, 0, SHARD_MAX);
    if (number <= last) throw field('shards must be ascending, each one once');
    last = number;
  }
}
