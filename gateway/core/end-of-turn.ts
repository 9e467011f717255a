export interface Flushable {
  /** Passes on what was gathered. Must not throw. */
  flush(): void;
}

/**
 * The end of each turn of the event loop: what was gathered in it is passed on then, by feeds to clients and by
 * clients to their sockets. So a burst costs a client one system call, and all of them one timer.
 */
export class EndOfTurn {
  #feeds: Flushable[] = [];
  #outboxes: Flushable[] = [];
  #isScheduled = false;

  /** `feed` has messages for its clients. */
  addFeed(feed: Flushable): void {
    this.#feeds.push(feed);
    this.#schedule();
  }

  /** `outbox` has something for its socket. */
  addOutbox(outbox: Flushable): void {
    this.#outboxes.push(outbox);
    this.#schedule();
  }

  /** Does now what the end of the turn would do. */
  flush(): void {
    const feeds = this.#feeds;
    this.#feeds = [];
    for (const feed of feeds) feed.flush();
    const outboxes = this.#outboxes;
    this.#outboxes = [];
    for (const outbox of outboxes) outbox.flush();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }
}
