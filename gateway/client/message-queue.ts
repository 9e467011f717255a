interface Item<T> {
  readonly value: T;
  readonly bytes: number;
}

interface Reader<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: Error): void;
}

/** From a source that cannot wait to a reader that may be slow: in order, bounded in bytes, nothing lost silently. */
export class MessageQueue<T> {
  readonly #maxBytes: number;
  #items: Item<T>[] = [];
  /** Items before this were read; they are dropped all at once, which is cheaper than one by one. */
  #head = 0;
  #bytes = 0;
  #end: { error: Error | undefined } | undefined;
  #readers: Reader<T>[] = [];

  constructor(init: { maxBytes: number }) {
    this.#maxBytes = init.maxBytes;
  }

  /** False when it does not fit any more. After the end it is dropped. */
  push(value: T, bytes: number): boolean {
    if (this.#end !== undefined) return true;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ value, done: false });
      return true;
    }
    if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) return false;
    this.#items.push({ value, bytes });
    this.#bytes += bytes;
    return true;
  }

  /** The reader gets what is there, then the error or the end. The first call counts. */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    for (const reader of this.#readers.splice(0)) this.#settle(reader);
  }

  /** `onReturn` is called when the reader leaves early. */
  iterate(onReturn: () => void): AsyncIterator<T, undefined> {
    return {
      next: async () => {
        const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<T, undefined>>();
        const item = this.#take();
        if (item !== undefined) resolve({ value: item.value, done: false });
        else if (this.#end !== undefined) this.#settle({ resolve, reject });
        else this.#readers.push({ resolve, reject });
        return promise;
      },
      return: async () => {
        onReturn();
        this.#items = [];
        this.#head = 0;
        return { value: undefined, done: true };
      },
    };
  }

  #take(): Item<T> | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head += 1;
    this.#bytes -= item.bytes;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    }
    return item;
  }

  #settle(reader: Reader<T>): void {
    const error = this.#end?.error;
    if (error === undefined) reader.resolve({ value: undefined, done: true });
    else reader.reject(error);
  }
}
