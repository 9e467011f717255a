import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../node/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import { errorMessage } from '../../protocols/common/errors.ts';
import { RateLimit } from '../../protocols/common/rate-limit.ts';
import {
  AUDIT_PENDING_MAX,
  AUDIT_REFUSALS_BURST,
  AUDIT_REFUSALS_PER_SECOND,
  AUDIT_RETRY_MS,
} from '../core/limits.ts';
import { CURRENT_FILE, listFiles, olderFile, readEnd, readHead, writeHead } from './files.ts';
import type { Audit, AuditEvent } from './interface.ts';
import { encodeLine, type Link, NO_LINE } from './line.ts';

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
/** Lines of one write: what waits is written together. */
const BATCH_MAX = 256;
/** Kinds of refusals that are counted apart. */
const KINDS_MAX = 64;

export interface AuditLogInit {
  readonly directory: string;
  /** Size at which a new file is begun. */
  readonly fileBytes: number;
  /** Files kept, the current one included. */
  readonly files: number;
}

interface Waiting {
  readonly event: AuditEvent;
  readonly time: number;
}

/** The file that is written to. */
interface Current {
  readonly handle: FileHandle;
  bytes: number;
  firstSeq: number;
}

/** An audit log in a separate directory. Events that come before `start` wait for it. */
export class AuditLog implements Audit {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #init: AuditLogInit;
  /** Limits refusals: one endlessly failing client must not push out other entries. */
  readonly #refusals: RateLimit;
  readonly #suppressed = new Map<string, number>();
  #waiting: Waiting[] = [];
  #lost = 0;
  /** Files that go once the log says so. */
  #stale: string[] = [];
  #link: Link = { seq: 0, hash: NO_LINE };
  /** The line that the head names. */
  #headSeq = 0;
  #isStarted = false;
  #current: Current | null = null;
  #fault: string | null = null;
  #retry: NodeJS.Timeout | undefined;
  /** The last write, start or stop: one happens after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(components: { clock: Clock; logger: Logger }, init: AuditLogInit) {
    this.#clock = components.clock;
    this.#logger = components.logger;
    this.#init = init;
    this.#refusals = new RateLimit(components, {
      perSecond: AUDIT_REFUSALS_PER_SECOND,
      burst: AUDIT_REFUSALS_BURST,
      debtMax: 1,
      maxKeys: KINDS_MAX,
    });
  }

  get fault(): string | null {
    return this.#fault;
  }

  async audit(event: AuditEvent): Promise<void> {
    const counted = this.#withoutFlood(event);
    if (counted === null) return;
    this.#push(counted);
    await this.#next(() => this.#write());
  }

  /** Throws what the file system says when it cannot be opened. */
  async start(): Promise<void> {
    const opened = this.#work.then(async () => {
      this.#current ??= await this.#open();
      this.#isStarted = true;
    });
    this.#work = opened.catch(() => undefined);
    await opened;
    await this.#next(() => this.#write());
  }

  async stop(): Promise<void> {
    for (const [kind, count] of this.#suppressed) {
      this.#push({ event: 'audit.suppressed', outcome: 'ok', detail: { kind, count } });
    }
    this.#suppressed.clear();
    await this.#next(() => this.#write());
    await this.#next(async () => {
      this.#isStarted = false;
      clearTimeout(this.#retry);
      await this.#letGo();
    });
  }

  #next(act: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(act).catch(async (error: unknown) => this.#fail(error));
    return this.#work;
  }

  /** Writes some refusals of a flood, and with the next one the number of those left out. */
  #withoutFlood(event: AuditEvent): AuditEvent | null {
    if (event.outcome !== 'refused') return event;
    const suppressed = this.#suppressed.get(event.event) ?? 0;
    if (this.#refusals.isExceeded(event.event)) {
      this.#suppressed.set(event.event, suppressed + 1);
      return null;
    }
    this.#refusals.charge(event.event);
    this.#suppressed.delete(event.event);
    return suppressed === 0 ? event : { ...event, detail: { ...event.detail, suppressed } };
  }

  #push(event: AuditEvent): void {
    if (this.#waiting.length >= AUDIT_PENDING_MAX) this.#lost += 1;
    else this.#waiting.push({ event, time: this.#clock.now() });
  }

  async #open(): Promise<Current> {
    const { directory } = this.#init;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, CURRENT_FILE);
    const handle = await open(path, APPEND, 0o600);
    try {
      await handle.chmod(0o600);
      const end = await readEnd(path);
      const found = end.last ?? (end.wholeBytes === 0 ? await this.#lastOfOlder() : null);
      if (end.tornBytes > 0) {
        // the process died while it wrote: nobody was told that this line was kept
        await handle.truncate(end.wholeBytes);
        this.#push({ event: 'audit.repaired', outcome: 'ok', detail: { bytes: end.tornBytes } });
      }
      this.#link = await this.#resume(found);
      return { handle, bytes: end.wholeBytes, firstSeq: end.firstSeq ?? this.#link.seq + 1 };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #lastOfOlder(): Promise<Link | null> {
    const [newest] = (await listFiles(this.#init.directory))
      .filter(({ firstSeq }) => firstSeq !== null)
      .slice(-1);
    return newest === undefined ? { seq: 0, hash: NO_LINE } : (await readEnd(newest.path)).last;
  }

  /** Goes on where the log is known to have ended, so that what is missing stays missing for whoever verifies it. */
  async #resume(found: Link | null): Promise<Link> {
    const head = await readHead(this.#init.directory);
    const written = this.#link.seq > 0 ? this.#link : null;
    if (written === null && head === null && found?.seq === 0) return found;
    const known = written ?? (head === 'malformed' ? null : head);
    if (found !== null && known !== null) {
      // a head is behind by what was written when the process died
      const isBehind = written === null && known.seq < found.seq;
      if (isBehind || (known.seq === found.seq && known.hash === found.hash)) return found;
    }
    const detail = { found: found?.seq ?? null, known: known?.seq ?? null };
    this.#logger.error(detail, 'the audit log is not what it was: run maillon audit verify');
    this.#push({ event: 'audit.broken', outcome: 'refused', detail });
    return known ?? found ?? { seq: 0, hash: NO_LINE };
  }

  /** Writes what waits, and then which line is the last. Throws when it cannot; then nothing of it was taken away. */
  async #write(): Promise<void> {
    while (this.#isStarted && (this.#waiting.length > 0 || this.#headSeq !== this.#link.seq)) {
      this.#current ??= await this.#open();
      if (this.#current.bytes >= this.#init.fileBytes) await this.#rotate(this.#current);
      else await this.#writeBatch(this.#current, this.#waiting.slice(0, BATCH_MAX));
      await writeHead(this.#init.directory, this.#link);
      this.#headSeq = this.#link.seq;
      this.#recovered();
    }
  }

  async #writeBatch(current: Current, batch: readonly Waiting[]): Promise<void> {
    let link = this.#link;
    const lines = batch.map(({ event, time }) => {
      const line = encodeLine(event, time, link);
      link = line.link;
      return `${line.text}\n`;
    });
    const bytes = Buffer.from(lines.join(''));
    try {
      await current.handle.appendFile(bytes);
      await current.handle.datasync();
    } catch (error) {
      // a part of it may stand there
      await current.handle.truncate(current.bytes);
      throw error;
    }
    current.bytes += bytes.byteLength;
    this.#link = link;
    this.#waiting.splice(0, batch.length);
    for (const path of this.#stale.splice(0)) await unlink(path);
  }

  async #rotate(current: Current): Promise<void> {
    const { directory, files } = this.#init;
    const path = join(directory, CURRENT_FILE);
    await rename(path, olderFile(directory, current.firstSeq));
    this.#current = null;
    await current.handle.close();
    const handle = await open(path, APPEND | constants.O_EXCL, 0o600);
    this.#current = { handle, bytes: 0, firstSeq: this.#link.seq + 1 };
    const older = (await listFiles(directory)).filter(({ firstSeq }) => firstSeq !== null);
    const stale = older.slice(0, Math.max(0, older.length + 1 - files));
    if (stale.length === 0) return;
    this.#stale = stale.map((file) => file.path);
    const kept = older[stale.length]?.firstSeq ?? this.#link.seq + 1;
    const event: AuditEvent = { event: 'audit.pruned', outcome: 'ok', detail: { through: kept - 1 } };
    this.#waiting.unshift({ event, time: this.#clock.now() });
  }

  async #fail(error: unknown): Promise<void> {
    const message = errorMessage(error);
    if (this.#fault === null) this.#logger.error({ err: message }, 'the audit log cannot be written');
    this.#fault = message;
    await this.#letGo();
    if (!this.#isStarted) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#next(() => this.#write()), AUDIT_RETRY_MS).unref();
  }

  /** Closes the file, which may have disappeared: the next attempt reopens it. */
  async #letGo(): Promise<void> {
    const current = this.#current;
    this.#current = null;
    await current?.handle.close().catch(() => undefined);
  }

  #recovered(): void {
    if (this.#fault !== null) this.#logger.info('the audit log is written again');
    this.#fault = null;
    if (this.#lost === 0) return;
    this.#push({ event: 'audit.lost', outcome: 'refused', detail: { count: this.#lost } });
    this.#lost = 0;
  }
}
