/** One server-sent event. */
export interface SseEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Reads an SSE stream event by event. */
export class SseClient implements AsyncDisposable {
  readonly response: Response;
  readonly #abort: AbortController;
  readonly #events: AsyncGenerator<SseEvent, undefined>;

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.#events = parse(response);
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<SseClient> {
    const abort = new AbortController();
    return new SseClient(await fetch(url, { headers, signal: abort.signal }), abort);
  }

  /** The next event, waiting for it; undefined once the stream has ended. */
  async next(): Promise<SseEvent | undefined> {
    const { value } = await this.#events.next();
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
  }
}

async function* parse(response: Response): AsyncGenerator<SseEvent, undefined> {
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = parseEvent(text.slice(0, end));
      text = text.slice(end + 2);
      if (event !== undefined) yield event;
    }
  }
}

/** A comment is no event. */
function parseEvent(block: string): SseEvent | undefined {
  const fields = new Map(
    block
      .split('\n')
      .filter((line) => !line.startsWith(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const data = fields.get('data');
  if (data === undefined) return undefined;
  return { id: fields.get('id'), event: fields.get('event') ?? 'message', data: JSON.parse(data) };
}
