/** The thread that writes: it syncs, and the event loop that serves clients must not wait for a disk. */
import type { DatabaseSync } from 'node:sqlite';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { faultOf, isFull } from '../../disk/database-faults.ts';
import { Sealer } from '../../disk/sealing.ts';
import { openWriter } from './database.ts';
import type { Batch, BatchReply, WriterInit, WriterRequest } from './operations.ts';
import { Writing } from './writing.ts';

class Writer {
  readonly #port: MessagePort;
  readonly #init: WriterInit;
  readonly #sealer: Sealer;
  #open: { database: DatabaseSync; writing: Writing } | null = null;

  constructor(components: { readonly port: MessagePort }, init: WriterInit) {
    this.#port = components.port;
    this.#init = init;
    this.#sealer = new Sealer(init.key);
  }

  start(): void {
    this.#port.on('message', (request: WriterRequest) => {
      if (request === 'close') this.#close();
      else this.#reply(this.#run(request));
    });
  }

  #reply(reply: BatchReply): void {
    const changes = 'changes' in reply ? reply.changes : null;
    this.#port.postMessage(reply, changes === null ? [] : [changes.buffer]);
  }

  #run(batch: Batch): BatchReply {
    try {
      const { writing } = (this.#open ??= this.#connect());
      const written = writing.run(batch);
      this.#tidy(writing, batch);
      return written;
    } catch (error) {
      // a connection is not used further after its disk failed; a full disk needs no new connection
      if (!isFull(error)) this.#disconnect();
      return { fault: faultOf(error), message: errorMessage(error) };
    }
  }

  #connect(): { database: DatabaseSync; writing: Writing } {
    const { path, key, unsponsoredBytes } = this.#init;
    const database = openWriter(path, key.id);
    try {
      const writing = new Writing({ database, sealer: this.#sealer }, { unsponsoredBytes });
      return { database, writing };
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** After what removes records. The batch is written whatever becomes of this. */
  #tidy(writing: Writing, { operations }: Batch): void {
    if (!operations.some((one) => 'type' in one && (one.type === 'drop' || one.type === 'expire'))) return;
    try {
      writing.vacuum();
    } catch {
      // the pages stay free within the file, and are used again
    }
  }

  #disconnect(): void {
    try {
      this.#open?.database.close();
    } catch {
      // it was of no use any more
    }
    this.#open = null;
  }

  #close(): void {
    this.#disconnect();
    this.#port.close();
  }
}

if (parentPort !== null) new Writer({ port: parentPort }, workerData as WriterInit).start();
