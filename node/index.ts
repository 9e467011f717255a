/**
 * A Maillon node: a libp2p peer that gossips relay envelopes. `createNode` makes one; this file is its whole
 * public face, which the gateway and the command line build on.
 */

export { describeDefault, describeValue, type Kind, kindOf } from './config/describe.ts';
export { ConfigError, type ConfigSources, loadConfig } from './config/load.ts';
export { flagOf, variableOf } from './config/names.ts';
export { type Config, DEFAULTS, SETTINGS, type Setting } from './config/schema.ts';
export { createCrypto } from './crypto.ts';
export { type BrokenKey, type KeyInfo, Keyring, type NamedKey } from './identity/keyring/keyring.ts';
export { DEVELOPMENT_NAME, IDENTITY_NAME } from './identity/keyring/names.ts';
export { type PassphraseSource, passphraseFrom } from './identity/keyring/passphrase.ts';
export { KEY_FORMS, type KeyForm, PORTABLE_MAX_BYTES, parseKey } from './identity/keyring/portable.ts';
export { loadOwner } from './identity/owner.ts';
export type { WalletProof } from './identity/wallet-proof.ts';
export type * from './interface.ts';
export type { Namespaces, PolicyView, RevocationView } from './namespaces/interface.ts';
export { createNode } from './node.ts';
export { EventLog, type EventName } from './observability/events.ts';
export { createLogger, type Logger } from './observability/logger.ts';
export { Meter } from './observability/meter.ts';
export type * from './storage/interface.ts';
