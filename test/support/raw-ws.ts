/** WebSocket connections whose frames are written by hand. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { until } from './processes.ts';

export const CONTINUED = 0x00;
export const TEXT = 0x01;
export const BINARY = 0x02;
export const CLOSE = 0x08;
export const PING = 0x09;
export const FINAL = 0x80;
export const COMPRESSED = 0x40;

/** `headers`: lines beside those of every handshake. */
export async function openRaw(
  url: string,
  { path = '/v1/pubsub/ws?topic=a', headers = [] }: { path?: string; headers?: readonly string[] } = {},
): Promise<{ socket: Socket; answer: string }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...headers,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  const [head] = await once(socket, 'data');
  return { socket, answer: String(head) };
}

/** A masked frame; `length` may claim more than there is. */
export function frame(first: number, payload: Buffer, length = payload.byteLength): Buffer {
  const extended = Buffer.alloc(8);
  extended.writeBigUInt64BE(BigInt(length));
  const head = length < 126 ? [first, 0x80 | length] : [first, 0xff, ...extended];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), payload]);
}

/** A message in so many fragments of one byte, which never ends. */
export function fragments(count: number): Buffer {
  const parts = Array.from({ length: count }, (_, n) =>
    frame(n === 0 ? BINARY : CONTINUED, Buffer.from('x')),
  );
  return Buffer.concat(parts);
}

/** The code of the close frame with which the gateway answers `bytes`. */
export async function closedFor(socket: Socket, bytes: Buffer): Promise<number> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(bytes);
  const [, close] = await until('a close frame', () => {
    const got = Buffer.concat(chunks);
    const at = got.indexOf(0x88);
    return at >= 0 && got.byteLength >= at + 4 && ([at, got.readUInt16BE(at + 2)] as const);
  });
  socket.destroy();
  return close;
}
