import { CodedError } from '../../protocols/common/errors.ts';
import type { Config } from '../config/schema.ts';
import type { BackupOptions, BackupReport } from './interface.ts';
import type { BackupComponents } from './writer.ts';

export interface BackupsInit {
  readonly config: Config;
  /** Peer id of this node. */
  readonly peerId: string;
}

/** Backups of a running node: one at a time, broken off when the node stops. */
export class Backups {
  readonly #components: BackupComponents;
  readonly #init: BackupsInit;
  readonly #stopping = new AbortController();
  #underWay: Promise<BackupReport> | null = null;

  constructor(components: BackupComponents, init: BackupsInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Throws `busy`, and what `backUp` throws. */
  async run(options: BackupOptions): Promise<BackupReport> {
    if (this.#underWay !== null) {
      throw new CodedError('busy', 'a backup is under way: try again when it has ended');
    }
    const signal = AbortSignal.any([options.signal, this.#stopping.signal]);
    const init = { ...options, ...this.#init, signal };
    this.#underWay = import('./writer.ts').then(({ backUp }) => backUp(this.#components, init));
    try {
      return await this.#underWay;
    } finally {
      this.#underWay = null;
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new CodedError('stopping', 'this node is stopping'));
    await this.#underWay?.catch(() => undefined);
  }
}
