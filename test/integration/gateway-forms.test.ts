/** Forms with files as E2 clients send them, and as nobody should. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { E2_JSON_MAX_BYTES, FORM_FIELD_MAX_BYTES, FORM_FIELDS_MAX } from '../../gateway/core/limits.ts';
import { pattern } from '../support/blobs.ts';
import { until } from '../support/processes.ts';
import { type RawAnswer, rawRequest } from '../support/raw-http.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

const PATH = '/v1/storage/upload';
const LARGE = pattern(2 ** 21 + 9);

let site: Site;
before(async () => {
  site = await startSite();
});
after(async () => site[Symbol.asyncDispose]());

const post = async (body: string | Uint8Array, type: string): Promise<RawAnswer> =>
  rawRequest(site.url, PATH, { method: 'POST', body, headers: { 'content-type': type } });

async function send(form: FormData): Promise<Response> {
  return fetch(site.url + PATH, { method: 'POST', body: form });
}

async function pins(): Promise<number> {
  return (await rawRequest(site.url, '/v1/blobs')).body.blobs.length;
}

function part(head: string, body = 'x'): string {
  return `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
}

describe('a form', () => {
  test('with a large file is taken as it comes', async () => {
    const form = new FormData();
    form.append('file', new File([LARGE], 'große Datei.bin', { type: 'image/x-odd' }));
    form.append('pin', 'false');
    const answer = await send(form);
    const { cid, name, size } = (await answer.json()) as { cid: string; name: string; size: number };
    assert.deepEqual([answer.status, name, size], [200, 'große Datei.bin', LARGE.byteLength]);
    const got = await rawRequest(site.url, `/v1/storage/get/${cid}`);
    assert.ok(got.bytes.equals(LARGE));
    assert.equal(got.headers['content-type'], 'image/x-odd');
    const { blobs } = (await rawRequest(site.url, '/v1/blobs')).body;
    const day = blobs.find((one: { cid: string }) => one.cid === cid).expiresAt - Date.now();
    assert.ok(day > 86_000_000 && day <= 86_400_000, 'what is not pinned is kept for a day');
    await rawRequest(site.url, '/v1/storage/pin', {
      method: 'POST',
      body: JSON.stringify({ cid }),
      headers: { 'content-type': 'application/json' },
    });
    const pinned = (await rawRequest(site.url, '/v1/blobs')).body.blobs;
    assert.equal(pinned.find((one: { cid: string }) => one.cid === cid).expiresAt, null);
  });

  test('in JSON is in memory, and so is bounded', async () => {
    const data = Buffer.from(LARGE.subarray(0, 2 ** 20)).toString('base64');
    const kept = await post(JSON.stringify({ name: 'x', data }), 'application/json');
    assert.deepEqual([kept.status, kept.body.size], [200, 2 ** 20], kept.text);
    const large = await post(`{"data":"${'A'.repeat(E2_JSON_MAX_BYTES)}"}`, 'application/json');
    assert.deepEqual([large.status, large.body.code], [413, 'too_large']);
  });

  test('that is none, or has too much, keeps nothing', async () => {
    const before = await pins();
    const file = part('name="file"; filename="a"');
    const cases: [string, string, string?][] = [
      ['no boundary', 'x', 'multipart/form-data'],
      ['nothing in it', '', 'multipart/form-data; boundary=b'],
      ['no end', file],
      ['no end of its head', '--b\r\nContent-Disposition: form-data; name="file"; filename="a"'],
      ['another boundary', file.replaceAll('--b', '--c')],
      ['two files', `${file}${file}--b--\r\n`],
      ['a file of another name', `${part('name="other"; filename="a"')}--b--\r\n`],
      ['a file that is a field', `${part('name="file"')}--b--\r\n`],
      [
        'a field that is too long',
        `${file}${part('name="pin"', 'x'.repeat(FORM_FIELD_MAX_BYTES + 1))}--b--\r\n`,
      ],
      ['too many fields', `${file}${part('name="f"').repeat(FORM_FIELDS_MAX + 1)}--b--\r\n`],
      [
        'a type that is none',
        `--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: a\r\n\r\nx\r\n--b--\r\n`,
      ],
    ];
    for (const [what, body, type = 'multipart/form-data; boundary=b'] of cases) {
      const answer = await post(body, type);
      assert.equal(answer.status, 400, `${what}: ${answer.text}`);
    }
    assert.deepEqual(
      [(await post('x', 'text/plain')).status, (await post('x', 'multipart/mixed; boundary=b')).status],
      [415, 415],
    );
    assert.equal(await pins(), before);
    assert.equal((await post(`${file}--b--\r\n`, 'multipart/form-data; boundary=b')).status, 200);
  });

  test('whose sender goes away keeps nothing, and its place is free', async () => {
    const before = await pins();
    const { port } = new URL(site.url);
    for (let i = 0; i < 3; i += 1) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(
        `POST ${PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n` +
          '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
      );
      socket.write(LARGE.subarray(0, 2 ** 20 + i));
      await until('it is sent', () => socket.writableLength === 0);
      socket.resetAndDestroy();
      await once(socket, 'close');
    }
    assert.equal(await pins(), before);
    await until('nothing is under way', () => site.gateway.probe().every(({ ok }) => ok));
    assert.deepEqual(
      site.log.filter((line) => line.includes('"level":"error"') || line.includes('"level":50')),
      [],
    );
  });
});
