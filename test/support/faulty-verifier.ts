/** A thread as the verifier of wallets has them, that does what the signed message says: `die`, `hang`, or else it is good. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { decodeBatch, VALID } from '../../node/identity/wallets/job.ts';

const decoder = new TextDecoder();

function obey(port: MessagePort, batch: Uint8Array): void {
  const messages = decodeBatch(batch).map(({ message }) => decoder.decode(message));
  if (messages.includes('die')) throw new Error('it was told to');
  if (messages.includes('hang')) return;
  const outcomes = new Uint8Array(messages.length).fill(VALID);
  port.postMessage({ outcomes, implementation: 'portable' }, []);
}

const port = parentPort;
port?.on('message', (batch: Uint8Array) => obey(port, batch));
