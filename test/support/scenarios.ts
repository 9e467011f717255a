/** Scenarios of requests and answers in test/vectors: test/vectors/gateway-auth/README.md says how they are written. */
import assert from 'node:assert/strict';
import { type ChainType, evmPublicKey, walletOf } from './sign-in.ts';

/** A request and its answer. */
export interface HttpStep {
  readonly what: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Readonly<Record<string, unknown>>;
    /** A body of the type multipart/form-data. */
    readonly form?: {
      readonly file?: { readonly name: string; readonly type: string; readonly text: string };
      readonly fields: Readonly<Record<string, string>>;
    };
    readonly sign?: { readonly chain: ChainType; readonly wallet?: number; readonly nonce: string };
  };
  readonly answer: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
}

/** Values a scenario keeps of answers, by name. */
export type Kept = Map<string, unknown>;

const WILD: Readonly<Record<string, (value: unknown) => boolean>> = {
  '<number>': (value) => typeof value === 'number',
  '<object>': (value) => typeof value === 'object' && value !== null,
  '<text>': (value) => typeof value === 'string' && value !== '',
  '<time>': (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) && Date.parse(value) > 0,
};

/** The wallet that signs in, by the names that scenarios give it. */
export async function ownNames(): Promise<Kept> {
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

export async function sendRequest(url: string, request: HttpStep['request'], kept: Kept): Promise<Response> {
  const { method, path, headers = {}, sign } = request;
  let body = request.body;
  if (sign !== undefined) {
    const wallet = await walletOf(sign.wallet ?? 1, sign.chain);
    body = { ...body, signature: await wallet.sign(fill(sign.nonce, kept)) };
  }
  return fetch(url + fill(path, kept), {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, fill(value, kept)])),
    },
    body:
      body === undefined
        ? formOf(request)
        : JSON.stringify(body, (_, value) => (typeof value === 'string' ? fill(value, kept) : value)),
  });
}

function formOf({ form }: HttpStep['request']): FormData | null {
  if (form === undefined) return null;
  const data = new FormData();
  if (form.file !== undefined) {
    const { name, type, text } = form.file;
    data.append('file', new File([text], name, { type }));
  }
  for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
  return data;
}

export async function compareAnswer(
  response: Response,
  answer: HttpStep['answer'],
  kept: Kept,
): Promise<void> {
  const body: unknown = await response.json();
  assert.equal(response.status, answer.status, JSON.stringify(body));
  for (const [name, value] of Object.entries(answer.headers ?? {})) {
    assert.equal(response.headers.get(name), value, name);
  }
  compare(body, answer.body, kept, 'body');
}

/** Puts in what was kept. */
export function fill(text: string, kept: Kept): string {
  return text.replaceAll(/\$(\w+)/g, (_, name: string) => String(kept.get(name)));
}

/** Fails where `got` is not what a scenario expects; keeps what it names. */
export function compare(got: unknown, expected: unknown, kept: Kept, at: string): void {
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
