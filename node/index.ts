/**
 * A Maillon node: a libp2p peer that gossips relay envelopes. `createNode` makes one; this file is its whole
 * public face, which the gateway and the command line build on.
 */

export type * from './backup/interface.ts';
export { describeDefault, describeValue, type Kind, kindOf } from './config/describe.ts';
export { flagOf, variableOf } from './config/names.ts';
export type * from './config/role.ts';
export { DEFAULTS, type Setting } from './config/schema.ts';
export type * from './core/core.ts';
export type * from './core/feature.ts';
export { featureModuleAt } from './core/from-path.ts';
export type * from './directory/interface.ts';
export { loadIdentity } from './identity/identity.ts';
export type { WalletProof } from './identity/wallet-proof.ts';
export type * from './interface.ts';
export type * from './ipfs/interface.ts';
export type * from './join/interface.ts';
export { checkUnclaimed, type JoinInit, joinWithInvite } from './join/join.ts';
export { endOfMembership, membershipDefaults } from './join/membership.ts';
export * from './keys.ts';
export type {
  Namespaces,
  NoticeView,
  PolicyView,
  RevocationView,
  SponsorshipView,
} from './namespaces/interface.ts';
export { createNode } from './node.ts';
export { EventLog, type EventName } from './observability/events.ts';
export { createLogger, type Logger } from './observability/logger.ts';
export { Meter } from './observability/meter.ts';
export type * from './peers/interface.ts';
export type * from './relay/interface.ts';
export { peerOfKey } from './runtime/peer-ids.ts';
export { SETTINGS } from './settings.ts';
export type * from './storage/api/interface.ts';
export type * from './storage/maintenance/interface.ts';
