/** E2 clients against the scenarios in test/vectors/gateway-debros: what they do, as they do it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  compare,
  compareAnswer,
  fill,
  type HttpStep,
  type Kept,
  ownNames,
  sendRequest,
} from '../support/scenarios.ts';
import { ROOT } from '../support/sources.ts';
import { type Site, startSite } from '../support/start-gateway.ts';
import { WsClient } from '../support/ws-client.ts';

type Step = { readonly what: string } & (
  | Pick<HttpStep, 'request' | 'answer'>
  | { readonly open: { readonly ws: string; readonly path: string }; readonly answer?: HttpStep['answer'] }
  | { readonly send: { readonly ws: string; readonly text: unknown } }
  | { readonly receive: { readonly ws: string; readonly frame: unknown } }
  | { readonly close: { readonly ws: string } }
  | { readonly closed: { readonly ws: string; readonly code: number } }
);

const DIRECTORY = join(ROOT, 'test/vectors/gateway-debros');

/** One client's scenario at one gateway. */
class Scenario {
  readonly #site: Site;
  readonly #kept: Kept;
  readonly #sockets = new Map<string, WsClient>();

  constructor(site: Site, kept: Kept) {
    this.#site = site;
    this.#kept = kept;
  }

  async run(step: Step): Promise<void> {
    if ('request' in step) {
      await compareAnswer(
        await sendRequest(this.#site.url, step.request, this.#kept),
        step.answer,
        this.#kept,
      );
    } else if ('open' in step) await this.#open(step.open, step.answer);
    else if ('send' in step) this.#named(step.send.ws).send(step.send.text);
    else if ('receive' in step) {
      const { data, isBinary } = await this.#named(step.receive.ws).next();
      assert.equal(isBinary, false);
      compare(JSON.parse(data.toString()), step.receive.frame, this.#kept, 'frame');
    } else if ('close' in step) this.#named(step.close.ws).socket.close(1000);
    else assert.equal((await this.#named(step.closed.ws).closed).code, step.closed.code);
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets.values()) await socket[Symbol.asyncDispose]();
  }

  async #open(
    { ws, path }: { ws: string; path: string },
    answer: HttpStep['answer'] | undefined,
  ): Promise<void> {
    const url = this.#site.wsUrl + fill(path, this.#kept);
    if (answer === undefined) this.#sockets.set(ws, await WsClient.open(url));
    else {
      const { status, body } = await WsClient.refused(url);
      assert.equal(status, answer.status, JSON.stringify(body));
      compare(body, answer.body, this.#kept, 'body');
    }
  }

  #named(name: string): WsClient {
    const socket = this.#sockets.get(name);
    assert.ok(socket !== undefined, `${name} was not opened`);
    return socket;
  }
}

for (const file of readdirSync(DIRECTORY).filter((name) => name.endsWith('.json'))) {
  describe(file, () => {
    let site: Site;
    let scenario: Scenario;
    before(async () => {
      site = await startSite({ settings: { 'compat.debros': true } });
      scenario = new Scenario(site, await ownNames());
    });
    after(async () => {
      await scenario.end();
      await site[Symbol.asyncDispose]();
    });
    for (const step of JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8')) as Step[]) {
      test(step.what, async () => scenario.run(step));
    }
  });
}
