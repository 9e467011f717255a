/** The auth routes against the scenarios in test/vectors/gateway-auth, on both kinds of state. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GATEWAY_STATES } from '../support/gateway-states.ts';
import { type ChainType, evmPublicKey, walletOf } from '../support/sign-in.ts';
import { ROOT } from '../support/sources.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

interface Step {
  readonly what: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Readonly<Record<string, unknown>>;
    readonly sign?: { readonly chain: ChainType; readonly wallet?: number; readonly nonce: string };
  };
  readonly answer: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
}

const DIRECTORY = join(ROOT, 'test/vectors/gateway-auth');
const WILD: Readonly<Record<string, (value: unknown) => boolean>> = {
  '<number>': (value) => typeof value === 'number',
  '<text>': (value) => typeof value === 'string' && value !== '',
  '<time>': (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) && Date.parse(value) > 0,
};

for (const [kind, settingsOf] of Object.entries(GATEWAY_STATES)) {
  for (const file of readdirSync(DIRECTORY).filter((name) => name.endsWith('.json'))) {
    describe(`${kind}: ${file}`, () => {
      const ends: (() => void | Promise<void>)[] = [];
      let site: Site;
      let kept: Map<string, unknown>;
      before(async () => {
        const settings = await settingsOf({ after: (end) => void ends.push(end) });
        site = await startSite({ settings });
        kept = await ownNames();
      });
      after(async () => {
        await site[Symbol.asyncDispose]();
        for (const end of ends) await end();
      });
      const steps = JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8')) as Step[];
      for (const { what, request, answer } of steps) {
        test(what, async () => {
          const response = await send(site.url, request, kept);
          const body: unknown = await response.json();
          assert.equal(response.status, answer.status, JSON.stringify(body));
          for (const [name, value] of Object.entries(answer.headers ?? {})) {
            assert.equal(response.headers.get(name), value, name);
          }
          compare(body, answer.body, kept, 'body');
        });
      }
    });
  }
}

async function ownNames(): Promise<Map<string, unknown>> {
  const [evm, sol, btc] = await Promise.all([walletOf(1), walletOf(1, 'SOL'), walletOf(1, 'BTC')]);
  return new Map([
    ['evm', evm.address],
    ['evmBare', evm.address.slice(2)],
    ['evmMixed', `0x${evm.address.slice(2).toUpperCase()}`],
    ['evmPublicKey', evmPublicKey(1)],
    ['sol', sol.address],
    ['btc', btc.address],
  ]);
}

async function send(url: string, request: Step['request'], kept: Map<string, unknown>): Promise<Response> {
  const { method, path, headers = {}, sign } = request;
  const fill = (text: string): string =>
    text.replaceAll(/\$(\w+)/g, (_, name: string) => String(kept.get(name)));
  let body = request.body;
  if (sign !== undefined) {
    const wallet = await walletOf(sign.wallet ?? 1, sign.chain);
    body = { ...body, signature: await wallet.sign(fill(sign.nonce)) };
  }
  return fetch(url + fill(path), {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, fill(value)])),
    },
    body: body === undefined ? null : fill(JSON.stringify(body)),
  });
}

function compare(got: unknown, expected: unknown, kept: Map<string, unknown>, at: string): void {
  if (typeof expected === 'string') {
    const wild = WILD[expected];
    if (wild !== undefined) assert.ok(wild(got), `${at}: ${String(got)} is not ${expected}`);
    else if (expected.startsWith('$')) {
      assert.ok(typeof got === 'string' && got !== '', `${at}: nothing to keep`);
      kept.set(expected.slice(1), got);
    } else if (expected.startsWith('=$')) assert.equal(got, kept.get(expected.slice(2)), at);
    else if (/^\/.+\/$/.test(expected)) assert.match(String(got), new RegExp(expected.slice(1, -1)), at);
    else assert.equal(got, expected, at);
    return;
  }
  if (typeof expected !== 'object' || expected === null) {
    assert.equal(got, expected, at);
    return;
  }
  assert.ok(typeof got === 'object' && got !== null, at);
  assert.deepEqual(Object.keys(got).toSorted(), Object.keys(expected).toSorted(), at);
  for (const [name, value] of Object.entries(expected)) {
    compare((got as Record<string, unknown>)[name], value, kept, `${at}.${name}`);
  }
}
