/** Opens keys of the user's own. */
import {
  type Config,
  heldElsewhere,
  Keyring,
  loadConfig,
  loadOwner,
  type NamedKey,
  passphraseFrom,
  readMembership,
  userDirectory,
} from '../../../node/keys.ts';
import { systemClock } from '../../../protocols/common/clock.ts';

/** Which key, and where it is. */
export interface KeyOptions {
  /** The development owner's when missing. */
  readonly key?: string;
  readonly data?: string;
  readonly config?: string;
  readonly passphraseFile?: string;
}

export interface OpenedKey {
  readonly opened: NamedKey;
  readonly config: Config;
  /** Data directory in which a named one is. */
  readonly data: string;
}

/** Where the key is kept is said by the node that uses it. */
const SILENT = { info: () => undefined, warn: () => undefined };

/** Opens the key that the options name; one that is sealed with its passphrase, from a file or a terminal. */
export async function openKey({
  key: name,
  data: directory,
  config: file,
  passphraseFile,
}: KeyOptions): Promise<OpenedKey> {
  const flags = { data: directory, 'identity.passphraseFile': passphraseFile };
  const config = loadConfig({ flags, env: process.env, cwd: process.cwd(), file });
  const passphrases = passphraseFrom({ file: config['identity.passphraseFile'] });
  const { data } = config;
  if (name === undefined) checkHeldHere(data);
  const opened =
    name === undefined
      ? await loadOwner({ logger: SILENT }, { path: config['identity.ownerKey'], data, passphrases })
      : await new Keyring({ clock: systemClock }, { data }).load(name, passphrases);
  return { opened, config, data };
}

/** On an invited machine the owner's key is elsewhere, and the user's own would sign for namespaces of another owner. */
function checkHeldHere(data: string): void {
  if (readMembership(userDirectory()) !== null) return;
  const membership = readMembership(data);
  if (membership !== null) throw heldElsewhere(membership.owner);
}
