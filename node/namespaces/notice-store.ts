import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { bytesKey } from '../../protocols/common/bytes.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import {
  decodeNotice,
  decodePolicy,
  type HeldNotices,
  LOG_ID_BYTES,
  type NamespaceName,
  type NoticeLog,
  POLICIES_MAX,
  type PolicyHead,
  type RevocationTarget,
  type SignedNotice,
  type SignedPolicy,
  type SignedSponsorship,
  type SponsorshipPlace,
} from '../../protocols/namespaces/index.ts';
import { closeQuietly, openOrReplace, putDatabaseAside } from '../disk/database.ts';
import { faultOf } from '../disk/database-faults.ts';
import type { EventLog } from '../observability/events.ts';
import { BoundedCache } from './bounded-cache.ts';
import { CommitTimer } from './commit-timer.ts';
import { NOTICES, noticesPath } from './database.ts';
import { HISTORIES_MAX, VIEWS_MAX } from './limits.ts';
import { type NoticeCounts, NoticeIndex, type NoticeIndexInit, namespaceKey } from './notice-index.ts';
import { NOTICE_ROOM, type NoticeRoom } from './notice-room.ts';
import { idOf, isSound, KIND_POLICY, type NoticeRow, NoticeRows, rowOf } from './rows.ts';
import type { SponsorshipEntry, Sponsorships } from './sponsorships.ts';

export interface NoticeStoreComponents {
  readonly crypto: Crypto;
  readonly events: EventLog;
}

export interface NoticeStoreInit {
  readonly directory: string;
  readonly room?: NoticeRoom;
  readonly isSponsored?: (did: string) => boolean;
  /** Notices were lost to damage: others have them. */
  readonly onLoss?: () => void;
}

interface Open {
  readonly database: DatabaseSync;
  readonly rows: NoticeRows;
}

/**
 * Every notice this node knows, on disk and by index in memory. `put` counts at once; it is on disk when `flush` resolves. Rows have
 * a checksum: one that is damaged is dropped, and asked for again; so is everything when the file is.
 */
export class NoticeStore implements HeldNotices, NoticeLog {
  /** Positions of one process mean nothing in another: the file may be an older copy by then. */
  #id = randomBytes(LOG_ID_BYTES);
  readonly #components: NoticeStoreComponents;
  readonly #init: NoticeStoreInit;
  readonly #indexInit: NoticeIndexInit;
  readonly #commits = new CommitTimer(() => this.#commit());
  readonly #views = new BoundedCache<SignedPolicy>(VIEWS_MAX);
  readonly #histories = new BoundedCache<readonly SignedPolicy[]>(HISTORIES_MAX);
  /** Digests of policies that were lost to damage while one that follows them is here. */
  readonly #missing = new Set<string>();
  #index: NoticeIndex;
  #open: Open | null;
  #isWriting = false;
  #revision = 0;
  #fault: string | null = null;

  /** Throws `notices_version`, and what the disk says when it does not let the file be opened. */
  constructor(components: NoticeStoreComponents, init: NoticeStoreInit) {
    this.#components = components;
    this.#init = init;
    this.#indexInit = { room: init.room ?? NOTICE_ROOM, isSponsored: init.isSponsored ?? (() => false) };
    this.#index = new NoticeIndex(this.#indexInit);
    this.#open = this.#openFile();
    this.#load();
  }

  get id(): Uint8Array {
    return this.#id;
  }

  get counts(): NoticeCounts {
    return this.#index.counts;
  }

  /** Another one after every change. */
  get revision(): number {
    return this.#revision;
  }

  /** Why the disk does not take notices; null when it does. */
  get fault(): string | null {
    return this.#fault;
  }

  has(digest: Uint8Array): boolean {
    return this.hasId(idOf(digest));
  }

  hasId(id: Uint8Array): boolean {
    return this.#reading(false, ({ rows }) => rows.byId(id) !== undefined);
  }

  headOf(name: NamespaceName): PolicyHead | undefined {
    return this.#index.headOf(name);
  }

  isRevokedBy(target: RevocationTarget, as: string): boolean {
    return this.#index.isRevokedBy(target, as);
  }

  revokersOf(target: RevocationTarget): ReadonlySet<string> | undefined {
    return this.#index.revokersOf(target);
  }

  isMissing({ digest }: SignedPolicy): boolean {
    return this.#missing.size > 0 && this.#missing.has(bytesKey(digest));
  }

  sponsorshipIn(place: SponsorshipPlace): SponsorshipEntry | undefined {
    return this.sponsorships.in(place);
  }

  /** As they are known now: others after damage. */
  get sponsorships(): Sponsorships {
    return this.#index.sponsorships;
  }

  /** Whether anything was revoked in this name. */
  hasRevoked(did: string): boolean {
    return this.#index.hasRevoked(did);
  }

  /** The sponsorship of an entry; null where its copy was damaged. */
  sponsorshipOf({ digest }: SponsorshipEntry): SignedSponsorship | null {
    const bytes = this.noticeOf(idOf(digest));
    const notice = bytes === null ? null : decodeNotice(bytes, this.#components.crypto);
    return notice?.kind === 'sponsorship' ? notice : null;
  }

  refusal(notice: SignedNotice): string | null {
    return this.#index.refusal(rowOf(notice));
  }

  /** Throws `no_room` when the disk is full or fails, `closed`. */
  put(notice: SignedNotice): void {
    const { database, rows } = this.#opened();
    const row = rowOf(notice);
    try {
      if (!this.#isWriting) database.exec('BEGIN IMMEDIATE');
      this.#isWriting = true;
      const before = notice.kind === 'sponsorship' ? this.sponsorshipIn(notice) : undefined;
      if (before !== undefined) rows.deleteId(idOf(before.digest));
      rows.insert(row);
    } catch (error) {
      throw this.#failed(error);
    }
    this.#index.add(row);
    this.#revision += 1;
    if (notice.kind === 'policy') {
      this.#histories.delete(namespaceKey(notice));
      this.#filled(row);
    }
    this.#commits.begin();
  }

  /** Resolves when what was put is on disk. Throws `no_room` when it is not. */
  async flush(): Promise<void> {
    await this.#commits.done();
  }

  /** The latest policy of a namespace. */
  policyOf(name: NamespaceName): SignedPolicy | null {
    const head = this.#index.headOf(name);
    if (head === undefined) return null;
    const key = namespaceKey(name);
    const kept = this.#views.get(key);
    if (kept !== undefined && kept.sequence === head.sequence) return kept;
    const row = this.#sound(({ rows }) => rows.atSequence(name, head.sequence));
    // dropped just now: the one before it is the latest
    if (row === undefined) return this.#index.headOf(name) === head ? null : this.policyOf(name);
    const view = decodePolicy(row.bytes, this.#components.crypto);
    this.#views.keep(key, view);
    return view;
  }

  /** From the first, as far as they are here. */
  historyOf(name: NamespaceName): readonly SignedPolicy[] {
    const head = this.#index.headOf(name);
    if (head === undefined) return [];
    const key = namespaceKey(name);
    const kept = this.#histories.get(key);
    if (kept !== undefined) return kept;
    const history = this.historyAbove(name, 0, POLICIES_MAX).map((bytes) =>
      decodePolicy(bytes, this.#components.crypto),
    );
    this.#histories.keep(key, history, history.length);
    return history;
  }

  idsAfter(position: number, limit: number): { ids: Uint8Array[]; next: number; isEnd: boolean } {
    const found = this.#reading([], ({ rows }) => rows.idsAfter(position, limit));
    const next = found.at(-1)?.position ?? position;
    return { ids: found.map(({ id }) => id), next, isEnd: found.length < limit };
  }

  noticeOf(id: Uint8Array): Uint8Array | null {
    return this.#sound(({ rows }) => rows.byId(id))?.bytes ?? null;
  }

  historyAbove(name: NamespaceName, above: number, limit: number): Uint8Array[] {
    const found = this.#reading([], ({ rows }) => rows.history(name, above, limit));
    const damaged = found.filter((row) => !isSound(row));
    if (damaged.length === 0) return found.map(({ bytes }) => bytes);
    this.#drop(damaged);
    return this.historyAbove(name, above, limit);
  }

  /** Stored notices are on disk then; idempotent. */
  close(): void {
    this.#commits.stop();
    const open = this.#open;
    this.#open = null;
    closeQuietly(open?.database ?? null);
  }

  #opened(): Open {
    if (this.#open === null) throw new CodedError('closed', 'policies and revocations are closed');
    return this.#open;
  }

  #openFile(): Open {
    const { database, damage } = openOrReplace(noticesPath(this.#init.directory), NOTICES);
    if (damage !== null) this.#components.events.report('notices_damaged', { ...damage });
    return { database, rows: new NoticeRows(database) };
  }

  /** Reads all rows into a new index, and drops those that are damaged. */
  #load(): void {
    const index = new NoticeIndex(this.#indexInit);
    const damaged: NoticeRow[] = [];
    const present = new Set<string>();
    const named: { readonly previous: Uint8Array; readonly before: string }[] = [];
    try {
      for (const row of this.#opened().rows.all()) {
        if (!isSound(row)) damaged.push(row);
        else {
          index.add(row);
          if (row.kind === KIND_POLICY) {
            present.add(placeOf(row, row.sequence));
            if (row.previous !== null) {
              named.push({ previous: row.previous, before: placeOf(row, row.sequence - 1) });
            }
          }
        }
      }
    } catch (error) {
      if (faultOf(error) !== 'corrupt') throw error;
      this.#reset(errorMessage(error));
      return;
    }
    index.carryRevocations(this.#index);
    this.#index = index;
    this.#revision += 1;
    this.#views.clear();
    this.#histories.clear();
    this.#missing.clear();
    for (const { previous, before } of named) if (!present.has(before)) this.#missing.add(bytesKey(previous));
    if (damaged.length > 0) this.#delete(damaged);
  }

  /** Begins an empty file. Revocations stay in force until their notices are back. */
  #reset(reason: string): void {
    const before = this.#index;
    this.#commits.fail(new CodedError('no_room', 'the database is damaged; it is begun anew: try again'));
    this.#isWriting = false;
    closeQuietly(this.#open?.database ?? null);
    this.#open = null;
    const aside = putDatabaseAside(noticesPath(this.#init.directory));
    this.#components.events.report('notices_damaged', { reason, aside });
    this.#open = this.#openFile();
    this.#id = randomBytes(LOG_ID_BYTES);
    this.#index = new NoticeIndex(this.#indexInit);
    this.#revision += 1;
    this.#index.carryRevocations(before);
    this.#views.clear();
    this.#histories.clear();
    this.#missing.clear();
    this.#init.onLoss?.();
  }

  /** A row is found to be damaged. */
  #drop(damaged: readonly NoticeRow[]): void {
    this.#delete(damaged);
    if (this.#open !== null) this.#load();
  }

  #delete(damaged: readonly NoticeRow[]): void {
    this.#components.events.report('notices_damaged', { rows: damaged.length });
    try {
      for (const { position } of damaged) this.#opened().rows.delete(position);
    } catch (error) {
      if (faultOf(error) === 'corrupt') return this.#reset(errorMessage(error));
      throw this.#failed(error);
    }
    this.#init.onLoss?.();
  }

  /** A row that passes its check; undefined when it is missing or damaged. */
  #sound(read: (open: Open) => NoticeRow | undefined): NoticeRow | undefined {
    const row = this.#reading(undefined, read);
    if (row === undefined || isSound(row)) return row;
    this.#drop([row]);
    return undefined;
  }

  #reading<T>(nothing: T, read: (open: Open) => T): T {
    try {
      return read(this.#opened());
    } catch (error) {
      if (faultOf(error) !== 'corrupt') throw error;
      this.#reset(errorMessage(error));
      return nothing;
    }
  }

  #commit(): void {
    try {
      this.#opened().database.exec('COMMIT');
      this.#isWriting = false;
      this.#fault = null;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Nothing of the transaction is kept: the index is that of the disk again. */
  #failed(error: unknown): CodedError {
    const reason = errorMessage(error);
    const refusal = new CodedError('no_room', 'the disk is full or fails; nothing was kept', undefined, {
      cause: error,
    });
    this.#isWriting = false;
    if (faultOf(error) === 'corrupt') {
      this.#reset(reason);
      return refusal;
    }
    this.#fault = reason;
    this.#components.events.report('disk_failed', { reason });
    this.#commits.fail(refusal);
    try {
      if (this.#open?.database.isTransaction === true) this.#open.database.exec('ROLLBACK');
      this.#load();
    } catch (cause) {
      // what is in memory stays until the disk can be read
      this.#fault = errorMessage(cause);
    }
    return refusal;
  }

  #filled(row: Omit<NoticeRow, 'position'>): void {
    if (this.#missing.size === 0) return;
    const isGap = this.#missing.delete(bytesKey(row.digest));
    if (!isGap || row.previous === null) return;
    const name = { owner: row.scope, namespace: row.name };
    const before = this.#reading(undefined, ({ rows }) => rows.atSequence(name, row.sequence - 1));
    if (before === undefined) this.#missing.add(bytesKey(row.previous));
  }
}

function placeOf({ scope, name }: NoticeRow, sequence: number): string {
  return `${scope}\n${name}\n${sequence}`;
}
