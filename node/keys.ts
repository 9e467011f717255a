/**
 * The smaller entry point of the node, for commands that only read settings and use keys: what is behind it starts no node and
 * loads no network, so that such a command answers in a third of the time.
 */

export { ConfigError, type ConfigSources } from './config/load.ts';
export type { Config } from './config/schema.ts';
export { type BrokenKey, type KeyInfo, Keyring, type NamedKey } from './identity/keyring/keyring.ts';
export { DEVELOPMENT_NAME, IDENTITY_NAME } from './identity/keyring/names.ts';
export { type PassphraseSource, passphraseFrom } from './identity/keyring/passphrase.ts';
export { KEY_FORMS, type KeyForm, PORTABLE_MAX_BYTES, parseKey } from './identity/keyring/portable.ts';
export { type Membership, readMembership } from './identity/membership-file.ts';
export { holdsOwnerKey, loadOwner, loadOwnerIdentity, userDirectory } from './identity/owner.ts';
export { heldElsewhere } from './join/held-elsewhere.ts';
export { createCrypto } from './runtime/crypto.ts';
export { loadConfig } from './settings.ts';
