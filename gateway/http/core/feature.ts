import type { MaillonNode } from '../../../node/index.ts';
import type { Limit } from '../../../protocols/common/limits.ts';
import type { AddCommand } from '../../cli/core/command.ts';
import type { ErrorTable } from '../../core/errors.ts';
import type { BodyDeadlines } from './body-deadlines.ts';
import type { Context } from './context.ts';
import type { Routes } from './routes.ts';

/** Context for the routes of a feature. */
export interface RoutesContext extends Context {
  /** Deadlines of bodies that a route reads itself, piece by piece. */
  readonly deadlines: BodyDeadlines;
}

/** Adds the routes of a feature to a separate app, whose hooks and parsers affect no other routes. */
export type AddRoutes = (app: Routes, context: RoutesContext) => Promise<void> | void;

/**
 * The gateway part of a feature. A descriptor imports nothing that serves: `load` does, once the gateway starts with
 * the feature on. A route without `config` asks for a credential with `read` or `write`, by its method; `config.needs`
 * and the like say otherwise (credentials.ts). A module of a third party that exports `feature` for the node may export
 * `gatewayFeature`, too.
 */
export interface GatewayFeature {
  /** Name of the node's feature that it exposes, where there is one. */
  readonly name: string;
  /** Names under `features` of `/v1/info`, by which clients ask for it. */
  readonly offers?: readonly string[];
  /** Codes that its routes answer with beside those of all routes. */
  readonly errors?: ErrorTable;
  /** Published by `/v1/info`. */
  readonly limits?: readonly Limit[];
  /** Always unless given. */
  readonly isOn?: (node: Pick<MaillonNode, 'hasFeature'>) => boolean;
  readonly load: () => Promise<AddRoutes>;
  /** Verbs of the command line. They import what they need when they run. */
  readonly commands?: readonly AddCommand[];
}
