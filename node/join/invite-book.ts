import { join } from 'node:path';
import { decode, encode } from '@ipld/dag-cbor';
import { bytesKey } from '../../protocols/common/bytes.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import { type HeldInvite, INVITE_ID_BYTES, JoinChecks, SECRET_BYTES } from '../../protocols/join/index.ts';
import { writeFileAtomic } from '../disk/atomic-file.ts';
import { readPrivateFile, SECRET_MODE } from '../disk/private-file.ts';
import { MEMBERS_MAX, OPEN_INVITES_MAX } from './limits.ts';

/** An invite, and once it was used the machine that used it. */
export interface BookedInvite extends HeldInvite {
  readonly created: number;
  /** The machine's own name; empty while nobody used the invite. */
  readonly name: string;
  /** When it was used, milliseconds since the Unix epoch; 0 while it was not. */
  readonly usedAt: number;
  /** When the machine's delegation ends, as far as this node made it. */
  readonly endsAt: number;
}

const FILE_VERSION = 1;
const ENTRIES_MAX = OPEN_INVITES_MAX + MEMBERS_MAX;
/** An entry has some 220 bytes at most. */
const FILE_MAX_BYTES = 64 + ENTRIES_MAX * 256;
const ENTRY_ITEMS = 10;

export function inviteBookPath(data: string): string {
  return join(data, 'invites');
}

/**
 * The invites that this node made, and the machines that used them: one small file that is written as a whole, synced before anybody
 * is told. Unused invites that have expired are forgotten; used ones stay, so that nobody uses them again.
 */
export class InviteBook {
  readonly #clock: Clock;
  readonly #path: string;
  readonly #entries: Map<string, BookedInvite>;

  /** Throws `bad_invites` for a file that cannot be read: begun anew, invites that were used would be good again. */
  constructor({ clock }: { readonly clock: Clock }, { data }: { readonly data: string }) {
    this.#clock = clock;
    this.#path = inviteBookPath(data);
    this.#entries = new Map(readEntries(this.#path).map((entry) => [bytesKey(entry.id), entry]));
  }

  /** In the order in which they were made. */
  list(): BookedInvite[] {
    return [...this.#entries.values()];
  }

  find(id: Uint8Array): BookedInvite | null {
    return this.#entries.get(bytesKey(id)) ?? null;
  }

  /** The invite that the machine with this key used last. */
  memberOf(key: Uint8Array): BookedInvite | null {
    const wanted = bytesKey(key);
    return this.list().findLast(({ usedBy }) => usedBy !== null && bytesKey(usedBy) === wanted) ?? null;
  }

  /** Throws `too_many_invites`, or what the disk does. */
  add(entry: BookedInvite): void {
    const now = this.#clock.now();
    const entries = this.list();
    const open = entries.filter((one) => isOpen(one, now));
    if (open.length >= OPEN_INVITES_MAX) {
      const advice = 'use one, revoke one (maillon revoke INVITE-ID), or wait until one expires';
      throw new CodedError('too_many_invites', `there are ${OPEN_INVITES_MAX} open invites: ${advice}`);
    }
    const kept = entries.filter((one) => one.usedBy !== null || isOpen(one, now));
    if (kept.length - open.length >= MEMBERS_MAX) {
      throw new CodedError(
        'too_many_invites',
        `${MEMBERS_MAX} machines have joined through this node already`,
      );
    }
    this.#write([...kept, entry]);
  }

  /** Changes an entry and returns once that is on disk. Throws what the disk does; then nothing has changed. */
  change(id: Uint8Array, change: Partial<Omit<BookedInvite, 'id'>>): void {
    const entry = this.find(id);
    if (entry === null) return;
    const entries = this.list();
    entries[entries.indexOf(entry)] = { ...entry, ...change };
    this.#write(entries);
  }

  #write(entries: readonly BookedInvite[]): void {
    writeFileAtomic(this.#path, encodeEntries(entries), SECRET_MODE);
    this.#entries.clear();
    for (const entry of entries) this.#entries.set(bytesKey(entry.id), entry);
  }
}

/** Whether it can be used. */
export function isOpen({ usedBy, isRevoked, expiry }: BookedInvite, now: number): boolean {
  return usedBy === null && !isRevoked && expiry > now;
}

/**
 * Revokes every invite in the data directory that nobody has used yet: after a restore nobody knows which of them were used since
 * the backup. Returns how many. Throws `bad_invites`, and what the disk does.
 */
export function voidOpenInvites(data: string): number {
  const path = inviteBookPath(data);
  const entries = readEntries(path);
  let count = 0;
  for (const [index, entry] of entries.entries()) {
    if (entry.usedBy !== null || entry.isRevoked) continue;
    entries[index] = { ...entry, isRevoked: true };
    count += 1;
  }
  if (count > 0) writeFileAtomic(path, encodeEntries(entries), SECRET_MODE);
  return count;
}

function encodeEntries(entries: readonly BookedInvite[]): Uint8Array {
  const rows = entries.map((one) => {
    const { id, secretHash, role, created, expiry, isRevoked, usedBy, name, usedAt, endsAt } = one;
    return [id, secretHash, role, created, expiry, isRevoked, usedBy, name, usedAt, endsAt];
  });
  return encode([FILE_VERSION, rows]);
}

function readEntries(path: string): BookedInvite[] {
  const read = readPrivateFile(path, FILE_MAX_BYTES);
  if (read === null) return [];
  try {
    if (read === 'too_large') throw new Error(`it is larger than ${FILE_MAX_BYTES} bytes`);
    return decodeEntries(read.bytes);
  } catch (error) {
    const advice = 'restore it from a backup; or remove it, and revoke the machines that are not to stay';
    const message = `${path} cannot be used, so no machine can join through this node: ${errorMessage(error)}; ${advice}`;
    throw new CodedError('bad_invites', message, undefined, { cause: error });
  }
}

function decodeEntries(bytes: Uint8Array): BookedInvite[] {
  const check = new JoinChecks((message) => new CodedError('bad_invites', message));
  const [version, rows] = check.array('file', decode(bytes), 2);
  if (version !== FILE_VERSION) throw new Error(`version ${String(version)} is not known here`);
  return check.array('entries', rows, ENTRIES_MAX).map((row) => {
    const items = check.array('entry', row, ENTRY_ITEMS);
    const [id, secretHash, role, created, expiry, isRevoked, usedBy, name, usedAt, endsAt] = items;
    if (typeof isRevoked !== 'boolean') throw new Error('isRevoked must be a boolean');
    return {
      id: check.bytes('id', id, INVITE_ID_BYTES),
      secretHash: check.bytesOrNone('secretHash', secretHash, SECRET_BYTES),
      role: check.role(role),
      created: check.integer('created', created, 0),
      expiry: check.integer('expiry', expiry, 0),
      isRevoked,
      usedBy: usedBy === null ? null : check.key('usedBy', usedBy),
      name: check.memberName(name),
      usedAt: check.integer('usedAt', usedAt, 0),
      endsAt: check.integer('endsAt', endsAt, 0),
    };
  });
}
