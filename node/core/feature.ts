/**
 * The contract of a feature: a capability of the node, such as the relay or storage. Its descriptor says what it is called, and its settings
 * and limits; the code of its service is imported when the feature is on, and not before. A module outside this repository is a feature, too,
 * where it exports `feature: NodeFeature` and `features.paths` names it: it is trusted code and runs with all rights of the node.
 */
import type { z } from 'zod';
import type { Limit } from '../../protocols/common/limits.ts';
import type { Setting } from '../config/settings/setting.ts';
import type { NodeCore } from './core.ts';
import type { Probe } from './probe.ts';

/** Values of a table of settings, by dotted path. */
export type ValuesOf<S extends readonly Setting[]> = {
  readonly [One in S[number] as One['path']]: z.output<One['schema']>;
};

/** The running part of a feature, from its creation to `stop`. Both methods may be called more than once. */
export interface NodeService {
  /** Called when the network listens and the services before it have started. */
  start?(): void | Promise<void>;
  /** Ends what runs, stops to answer peers and closes what is open, also where `start` was not called. */
  stop(): void | Promise<void>;
  /** Whether it works now. */
  probe?(): readonly Probe[];
  /** Adds to a peer's gossip score: 0, or less for one that misbehaved. */
  scoreOf?(peer: string): number;
}

/** The code of a feature. */
export interface FeatureModule<S extends readonly Setting[] = readonly Setting[]> {
  /** Makes the service: opens its files, registers its metrics at `core.meter`; nothing runs before `start`. */
  create(core: NodeCore, settings: ValuesOf<S>): NodeService | Promise<NodeService>;
}

export interface NodeFeature<S extends readonly Setting[] = readonly Setting[]> {
  /** `[a-z][a-z0-9]*`: how `features.off` and errors call it, and the section of its settings. */
  readonly name: string;
  readonly settings: S;
  /** Limits that clients and operators meet; a setting with a unit is one by itself. */
  readonly limits: readonly Limit[];
  /** Path of a boolean setting without which it is off. */
  readonly enabledBy?: S[number]['path'];
  /** Features without which it is off; they come before it in the list. */
  readonly needs?: readonly string[];
  /** Whether a node cannot do without it. */
  readonly isEssential?: boolean;
  /** Imports its code. */
  load(): Promise<FeatureModule<S>>;
}
