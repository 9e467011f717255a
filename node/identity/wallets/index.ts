import type { WalletCrypto } from '../../../protocols/common/crypto.ts';
import { eip191Parity, hasBip322Form, hasSecp256k1Form } from './form.ts';
import { encodeJob, type Implementation, type Job } from './job.ts';
import { MESSAGE_BYTES_MAX } from './limits.ts';
import { createWalletMetrics, type WalletMetrics } from './metrics.ts';
import { VerifierPool } from './pool.ts';

export type { Implementation } from './job.ts';
export { WALLET_LIMITS } from './limits.ts';
export { registerWalletMetrics, type WalletMetrics } from './metrics.ts';

/**
 * Verifies wallets' signatures on worker threads. Without a verdict the promise rejects with a CodedError:
 * `overloaded`, `unavailable` or `closed`.
 */
export interface WalletVerifier extends WalletCrypto {
  /** `portable` where the native addon did not load: correct, at a twentieth of the speed. Null before first use. */
  readonly implementation: Implementation | null;
  readonly metrics: Readonly<WalletMetrics>;
  /** Verifications that wait or are under way. */
  readonly waiting: number;
  /** Threads at the moment: none when nothing was verified for a while. */
  readonly threads: number;
  /** Ends the threads and refuses what waits. It cannot be started again. */
  stop(): Promise<void>;
}

/** Nothing is loaded or started before the first verification. */
export function createWalletCrypto(): WalletVerifier {
  const metrics = createWalletMetrics();
  return new ThreadedWalletCrypto({ metrics, pool: new VerifierPool({ metrics }) });
}

const encoder = new TextEncoder();

/** Refuses what has not the form of a signature here, and has the rest verified by the pool. */
class ThreadedWalletCrypto implements WalletVerifier {
  readonly metrics: WalletMetrics;
  readonly #pool: VerifierPool;

  constructor(components: { readonly metrics: WalletMetrics; readonly pool: VerifierPool }) {
    this.metrics = components.metrics;
    this.#pool = components.pool;
  }

  get implementation(): Implementation | null {
    return this.#pool.implementation;
  }

  get waiting(): number {
    return this.#pool.waiting;
  }

  get threads(): number {
    return this.#pool.threads;
  }

  verifyEip191(address: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const hasForm = eip191Parity(address, signature) !== null;
    return this.#verify(hasForm, { kind: 'eip191', signer: address, message, signature });
  }

  verifyBip322(address: string, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const hasForm = hasBip322Form(address, signature);
    const signer = hasForm ? encoder.encode(address) : new Uint8Array();
    return this.#verify(hasForm, { kind: 'bip322', signer, message, signature });
  }

  verifySecp256k1(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const hasForm = hasSecp256k1Form(publicKey, signature);
    return this.#verify(hasForm, { kind: 'secp256k1', signer: publicKey, message, signature });
  }

  stop(): Promise<void> {
    return this.#pool.stop();
  }

  #verify(hasForm: boolean, job: Job): Promise<boolean> {
    if (!hasForm || job.message.byteLength > MESSAGE_BYTES_MAX) return Promise.resolve(false);
    return this.#pool.submit(encodeJob(job));
  }
}
