/** The two dialects of DeBros clients: raw payloads (E1), and a JSON envelope around them (E2). */
import type { Delivery } from '../../node/index.ts';
import { MESSAGE_MAX_BYTES } from '../../protocols/relay/constants.ts';
import { encodeBase64 } from '../core/base64.ts';
import { type Dialect, type Line, topicOf } from './dialect.ts';
import { binaryFrame, textFrame } from './raw-frame.ts';

const PUBLISH_ERROR = textFrame('publish_error');
/** Longer than any ping a client sends: what is longer is not looked into. */
const PING_MAX_BYTES = 256;

/** E1: a binary frame is a message, and whatever the client sends is one. */
export const rawDialect: Dialect = {
  needsTopic: true,
  encoding: { encode: (delivery) => binaryFrame(delivery.data) },
  receive: (line, data) => void publishRaw(line, data),
};

/** E2: messages come in JSON; the client's pings are swallowed, whatever else it sends is a message. */
export const envelopeDialect: Dialect = {
  needsTopic: true,
  encoding: { encode: (delivery) => textFrame(encodeEnvelope(delivery)) },
  receive: (line, data) => {
    if (!isPing(data)) void publishRaw(line, data);
  },
};

async function publishRaw(line: Line, data: Buffer): Promise<void> {
  if (data.byteLength > MESSAGE_MAX_BYTES) {
    line.close(1009, `a message may have ${MESSAGE_MAX_BYTES} bytes`);
    return;
  }
  try {
    await line.publish({ ...topicOf(line.home, {}), data });
  } catch {
    // these clients know no more than that it failed; the reason is in the log
    line.send(PUBLISH_ERROR);
  }
}

function encodeEnvelope({ data, time, topic }: Delivery): string {
  return JSON.stringify({ data: encodeBase64(data), timestamp: time, topic });
}

function isPing(data: Buffer): boolean {
  if (data.byteLength > PING_MAX_BYTES) return false;
  try {
    const frame: unknown = JSON.parse(data.toString());
    return typeof frame === 'object' && frame !== null && 'type' in frame && frame.type === 'ping';
  } catch {
    return false;
  }
}
