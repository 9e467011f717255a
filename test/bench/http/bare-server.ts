import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerAsked } from '../../support/asked-process.ts';
import type { Line } from './load.ts';

export interface BareRequest {
  /** Header lines of the answer, beside those that node:http writes itself. */
  readonly headers: readonly Line[];
  readonly body: string;
}

/** A server that does nothing but say the same again, in a process of its own: gives its port. */
answerAsked(async ({ headers, body }: BareRequest) => {
  const lines = headers.flat();
  const server = createServer((_request, response) => {
    response.writeHead(200, lines);
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
});
