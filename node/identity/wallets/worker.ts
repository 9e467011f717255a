/** A thread that verifies: what takes a tenth of a millisecond each is not for the event loop. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { verifyBip322 } from './bip322.ts';
import { type Curve } from './curve.ts';
import { verifySecp256k1 } from './ecdsa.ts';
import { verifyEip191 } from './eip191.ts';
import { type Answer, decodeBatch, INVALID, type Job, VALID } from './job.ts';
import { loadCurve } from './load-curve.ts';
import { NativeGuard } from './native-guard.ts';

const decoder = new TextDecoder();

/** Answers batches one after another. An exception ends the thread: callers that wait get an error, and not `false`. */
function serve(port: MessagePort, curve: Curve): void {
  port.on('message', (batch: Uint8Array) => {
    const outcomes = Uint8Array.from(decodeBatch(batch), (job) => (verify(curve, job) ? VALID : INVALID));
    const answer: Answer = { outcomes, implementation: curve.implementation };
    port.postMessage(answer, []);
  });
}

function verify(curve: Curve, { kind, signer, message, signature }: Job): boolean {
  if (kind === 'eip191') return verifyEip191(curve, signer, message, signature);
  if (kind === 'bip322') return verifyBip322(curve, decoder.decode(signer), message, signature);
  return verifySecp256k1(curve, signer, message, signature);
}

/** Loads the curve, which calls its addon only where the thread may not be terminated. */
async function loadGuarded(guard: NativeGuard): Promise<Curve> {
  const guarded = <T>(call: () => T): T => {
    guard.enter();
    try {
      return call();
    } finally {
      guard.leave();
    }
  };
  guard.enter();
  const curve = await loadCurve().finally(() => guard.leave());
  return {
    implementation: curve.implementation,
    recover: (...args) => guarded(() => curve.recover(...args)),
    verify: (...args) => guarded(() => curve.verify(...args)),
  };
}

if (parentPort !== null)
  serve(parentPort, await loadGuarded(new NativeGuard(workerData as SharedArrayBuffer)));
