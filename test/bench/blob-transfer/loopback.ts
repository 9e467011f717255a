/** Cost of the same bytes in two bare processes: a server that hashes a body and puts it on disk, and one that sends it. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerAsked } from '../../support/asked-process.ts';
import { Content } from './content.ts';
import { Transfers } from './transfers.ts';

export type LoopbackRequest =
  | { readonly type: 'serve'; readonly path: string }
  | { readonly type: 'send'; readonly url: string; readonly number: number; readonly size: number };

const HANDLERS = {
  serve: async ({ path }: Extract<LoopbackRequest, { type: 'serve' }>): Promise<string> => {
    const server = createServer((asked, response) => {
      keep(asked, path).then(
        (digest) => response.end(digest),
        () => response.destroy(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  send: async ({ url, number, size }: Extract<LoopbackRequest, { type: 'send' }>): Promise<number> => {
    const since = performance.now();
    await new Transfers(url).put('file', new Content(number, size).read(), size);
    return performance.now() - since;
  },
};

async function keep(source: AsyncIterable<Uint8Array>, path: string): Promise<string> {
  const sha = createHash('sha256');
  await using file = await open(path, 'w');
  for await (const piece of source) {
    sha.update(piece);
    await file.write(piece);
  }
  await file.sync();
  return sha.digest('hex');
}

answerAsked((request: LoopbackRequest) =>
  request.type === 'serve' ? HANDLERS.serve(request) : HANDLERS.send(request),
);
