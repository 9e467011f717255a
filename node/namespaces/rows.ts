import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import {
  DIGEST_BYTES,
  type NamespaceName,
  NOTICE_ID_BYTES,
  type SignedNotice,
  type SponsorshipPlace,
  targetKey,
} from '../../protocols/namespaces/index.ts';

export const KIND_POLICY = 0;
export const KIND_REVOCATION = 1;
export const KIND_SPONSORSHIP = 2;

/** A row of `notices`. A damaged file may give other types: see `isSound`. */
export interface NoticeRow {
  readonly position: number;
  readonly id: Uint8Array;
  readonly kind: number;
  readonly scope: string;
  readonly name: string;
  readonly sequence: number;
  readonly time: number;
  readonly subject: string;
  readonly digest: Uint8Array;
  readonly previous: Uint8Array | null;
  readonly bytes: Uint8Array;
  readonly mark: number;
}

/** A notice as a row, without a position yet. */
export function rowOf(notice: SignedNotice): Omit<NoticeRow, 'position'> {
  const { digest, bytes, time } = notice;
  const id = idOf(digest);
  const unmarked = { id, time, digest, bytes, ...shownOf(notice) };
  return { ...unmarked, mark: markOf(unmarked) };
}

function shownOf(
  notice: SignedNotice,
): Pick<NoticeRow, 'kind' | 'scope' | 'name' | 'sequence' | 'subject' | 'previous'> {
  if (notice.kind === 'policy') {
    const { owner: scope, namespace: name, sequence, holder: subject, previous } = notice;
    return { kind: KIND_POLICY, scope, name, sequence, subject, previous };
  }
  const { as: scope } = notice;
  if (notice.kind === 'revocation') {
    const subject = targetKey(notice.target);
    return { kind: KIND_REVOCATION, scope, name: '', sequence: 0, subject, previous: null };
  }
  const { namespace: name, naming } = notice;
  const subject = subjectOf(notice);
  return { kind: KIND_SPONSORSHIP, scope, name, sequence: naming.length, subject, previous: null };
}

/** The subject of a sponsorship: a DID has no line feed. */
export function subjectOf({ holder, owner }: Pick<SponsorshipPlace, 'holder' | 'owner'>): string {
  return `${holder}\n${owner}`;
}

/** Id to request a notice by. */
export function idOf(digest: Uint8Array): Uint8Array {
  return digest.subarray(0, NOTICE_ID_BYTES);
}

/** Whether the row is what was written. */
export function isSound(row: NoticeRow): boolean {
  try {
    return row.digest.byteLength === DIGEST_BYTES && markOf(row) === row.mark;
  } catch {
    // numbers where text should be
    return false;
  }
}

function markOf(row: Omit<NoticeRow, 'position' | 'mark'>): number {
  const { kind, scope, name, sequence, time, subject } = row;
  const shown = crc32(JSON.stringify([kind, scope, name, sequence, time, subject]));
  const hashes = crc32(row.previous ?? Buffer.alloc(0), crc32(row.digest, crc32(row.id, shown)));
  return crc32(row.bytes, hashes);
}

const COLUMNS = 'id, kind, scope, name, sequence, time, subject, digest, previous, bytes, mark';

/** The statements on an open database. */
export class NoticeRows {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteId: StatementSync;
  readonly #all: StatementSync;
  readonly #byId: StatementSync;
  readonly #idsAfter: StatementSync;
  readonly #history: StatementSync;
  readonly #atSequence: StatementSync;

  constructor(database: DatabaseSync) {
    const marks = COLUMNS.replaceAll(/[a-z]+/g, '?');
    this.#insert = database.prepare(`INSERT INTO notices (${COLUMNS}) VALUES (${marks})`);
    this.#delete = database.prepare('DELETE FROM notices WHERE position = ?');
    this.#deleteId = database.prepare('DELETE FROM notices WHERE id = ?');
    this.#all = database.prepare(`SELECT position, ${COLUMNS} FROM notices ORDER BY position`);
    this.#byId = database.prepare(`SELECT position, ${COLUMNS} FROM notices WHERE id = ?`);
    this.#idsAfter = database.prepare(
      'SELECT position, id FROM notices WHERE position > ? ORDER BY position LIMIT ?',
    );
    const policies = `SELECT position, ${COLUMNS} FROM notices WHERE kind = 0 AND scope = ? AND name = ?`;
    this.#history = database.prepare(`${policies} AND sequence > ? ORDER BY sequence LIMIT ?`);
    this.#atSequence = database.prepare(`${policies} AND sequence = ?`);
  }

  insert(row: Omit<NoticeRow, 'position'>): void {
    const { id, kind, scope, name, sequence, time, subject, digest, previous, bytes, mark } = row;
    this.#insert.run(id, kind, scope, name, sequence, time, subject, digest, previous, bytes, mark);
  }

  delete(position: number): void {
    this.#delete.run(position);
  }

  deleteId(id: Uint8Array): void {
    this.#deleteId.run(id);
  }

  all(): IterableIterator<NoticeRow> {
    return this.#all.iterate() as unknown as IterableIterator<NoticeRow>;
  }

  byId(id: Uint8Array): NoticeRow | undefined {
    return this.#byId.get(id) as unknown as NoticeRow | undefined;
  }

  idsAfter(position: number, limit: number): { position: number; id: Uint8Array }[] {
    return this.#idsAfter.all(position, limit) as unknown as { position: number; id: Uint8Array }[];
  }

  history({ owner, namespace }: NamespaceName, above: number, limit: number): NoticeRow[] {
    return this.#history.all(owner, namespace, above, limit) as unknown as NoticeRow[];
  }

  atSequence({ owner, namespace }: NamespaceName, sequence: number): NoticeRow | undefined {
    return this.#atSequence.get(owner, namespace, sequence) as unknown as NoticeRow | undefined;
  }
}
