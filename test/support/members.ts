/** Members over a directory, connections and a disk that a test decides about. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { peerIdFromString } from '@libp2p/peer-id';
import { createCrypto } from '../../node/runtime/crypto.ts';
import { Members } from '../../node/storage/placement/members.ts';
import type { MembersInit } from '../../node/storage/placement/members-init.ts';
import type { Offer } from '../../node/storage/placement/offers.ts';
import { peerIdOf } from './announcements.ts';
import { authorNumber } from './directory.ts';
import { ManualClock } from './manual-clock.ts';
import { scratch } from './processes.ts';
import { silentLogger } from './silent-logger.ts';

/** When its clock begins. */
export const MEMBERS_AT = 1_000_000;
export const DOWN_TIMEOUT_MS = 60_000;
/** This node, and its operator. */
export const SELF = peerIdOf(authorNumber(1));
export const OWN = 'did:key:zOwn';
const NOBODYS = { operator: '', isReady: false };

export function makeMembers(
  t: TestContext,
  init: Partial<MembersInit> & { clock?: ManualClock; path?: string } = {},
) {
  const { clock = new ManualClock(MEMBERS_AT), path = join(scratch(t), 'storage', 'members') } = init;
  const offers = new Map<string, Offer>();
  const connected = new Set<string>();
  const there = new Set<string>();
  const dialled: string[] = [];
  const revoked = new Set<string>();
  const members = new Members(
    {
      clock,
      crypto: createCrypto(),
      logger: silentLogger(),
      offers: () => offers.values(),
      isConnected: (id) => connected.has(id),
      ownPrefix: () => '192.0.2.0/24',
      dial: (id) => {
        dialled.push(id);
        return there.has(id) ? Promise.resolve() : Promise.reject(new Error('nobody there'));
      },
      revocations: {
        get version() {
          return revoked.size;
        },
        isRevoked: (operator, id) => revoked.has(`${operator} ${id}`),
      },
    },
    { self: SELF, operator: OWN, downTimeoutMs: DOWN_TIMEOUT_MS, mayBeAlone: true, ...init, path },
  );
  t.after(() => members.stop());
  const offer = (id: string, prefix = 'loopback', sponsor: Partial<Offer> = {}): void => {
    offers.set(id, { id, prefix, lastSeen: clock.now(), ...NOBODYS, ...sponsor });
  };
  /** Looks, and lets the dials end. */
  const look = async (): Promise<void> => {
    members.refresh();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const ids = (): string[] => members.list.map(({ id }) => id).toSorted();
  /** Somebody is a ready sponsor of `operator` and connected. */
  const sponsor = async (id: string, operator: string): Promise<void> => {
    offer(id, 'loopback', { operator, isReady: true });
    connected.add(id);
    await look();
  };
  /** It goes, and its announcement ends. */
  const leave = async (id: string): Promise<void> => {
    offers.delete(id);
    connected.delete(id);
    members.disconnected(peerIdFromString(id));
    await look();
  };
  const of = (id: string) => members.list.find((one) => one.id === id);
  return {
    members,
    clock,
    path,
    offers,
    connected,
    there,
    dialled,
    revoked,
    offer,
    look,
    ids,
    sponsor,
    leave,
    of,
  };
}
