import { setTimeout as wait } from 'node:timers/promises';
import { answerAsked } from '../../support/asked-process.ts';
import { until } from '../../support/processes.ts';
import { WsClient } from '../../support/ws-client.ts';

/** A process with clients that disturb: what they do with their own time is not measured as others' latency. */
export type ClientsRequest =
  | { readonly type: 'open'; readonly url: string; readonly count: number; readonly reads: boolean }
  | { readonly type: 'end' };

/** How the clients were closed; null for one that was not. */
export type CloseCodes = readonly (number | null)[];

/** A slow reader takes what is there, 64 kB at most, once a second: a third of what comes. */
const READ_EVERY_MS = 1_000;
/** A client that was cut is dropped 5 s later; until then it can read why. */
const CLOSED_WITHIN_MS = 5_000;
/** Handshakes at a time: a server's backlog is 511. */
const OPENING = 100;

const clients: WsClient[] = [];
let timer: NodeJS.Timeout | undefined;
let codes: Promise<CloseCodes> | undefined;

answerAsked(async (request: ClientsRequest) => {
  if (request.type === 'open') return open(request.url, request.count, request.reads);
  clearInterval(timer);
  codes ??= Promise.all(clients.map(readToEnd));
  return codes;
});

/** Clients that are subscribed and read nothing by themselves. */
async function open(url: string, count: number, reads: boolean): Promise<void> {
  while (clients.length < count) {
    const some = Array.from({ length: Math.min(OPENING, count - clients.length) }, async () =>
      WsClient.open(url, ['maillon.json.1']),
    );
    clients.push(...(await Promise.all(some)));
  }
  await until('they are subscribed', async () => Promise.all(clients.map((client) => client.next())));
  for (const { socket } of clients) {
    // what they get is of no interest and would only pile up
    socket.removeAllListeners('message').on('message', () => socket.pause());
    socket.pause();
  }
  if (!reads) return;
  timer = setInterval(() => {
    for (const { socket } of clients) socket.resume();
  }, READ_EVERY_MS);
}

/** Reads on to the end of the connection, as far as it has come to one, to see how the gateway closed it. */
async function readToEnd(client: WsClient): Promise<number | null> {
  const { socket, closed } = client;
  socket.removeAllListeners('message');
  socket.resume();
  const timeout = new AbortController();
  const late = wait(CLOSED_WITHIN_MS, null, { signal: timeout.signal }).catch(() => null);
  const code = await Promise.race([closed.then(({ code }) => code), late]);
  timeout.abort();
  await client[Symbol.asyncDispose]();
  return code;
}
