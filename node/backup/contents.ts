/** The files of a data directory that a backup holds. A node makes all others anew. */

export type ContentKind = 'file' | 'folder' | 'database';
/** `node`: it makes this node the one it is; `share`: what a copy under another identity has as well. */
export type ContentPart = 'node' | 'share';

export interface Content {
  /** In the data directory, with slashes. */
  readonly path: string;
  readonly kind: ContentKind;
  readonly part: ContentPart;
  /** Names of a folder's files. */
  readonly names?: RegExp;
}

export const IDENTITY_KEY = 'identity.key';
export const STORAGE_KEY = 'storage.key';
export const SEQUENCES = 'relay/sequences';
export const MEMBERS = 'storage/members';
export const RECORDS = 'storage/records/records.db';
export const CATALOGUE = 'storage/blobs/catalogue.db';
export const BLOCKS = 'storage/blobs/blocks';
export const GATEWAY_SECRET = 'gateway/secret';
export const GATEWAY_STATE = 'gateway/state.db';
export const MEMBERSHIP = 'membership';
export const AUDIT = 'audit';

/** Databases in the order in which they are seen: a blob is there before the record that refers to it. */
export const CONTENTS: readonly Content[] = [
  { path: RECORDS, kind: 'database', part: 'share' },
  { path: CATALOGUE, kind: 'database', part: 'share' },
  { path: 'namespaces/notices.db', kind: 'database', part: 'share' },
  { path: GATEWAY_STATE, kind: 'database', part: 'node' },
  { path: GATEWAY_SECRET, kind: 'file', part: 'node' },
  { path: IDENTITY_KEY, kind: 'file', part: 'node' },
  { path: STORAGE_KEY, kind: 'file', part: 'share' },
  {
    path: 'keys',
    kind: 'folder',
    part: 'share',
    names: /^[a-z0-9-]{1,64}(\.[1-9A-HJ-NP-Za-km-z]{8})?\.key$/,
  },
  { path: MEMBERSHIP, kind: 'file', part: 'node' },
  { path: 'swarm.key', kind: 'file', part: 'node' },
  { path: 'invites', kind: 'file', part: 'node' },
  { path: 'peers', kind: 'file', part: 'node' },
  { path: MEMBERS, kind: 'file', part: 'node' },
  { path: SEQUENCES, kind: 'file', part: 'node' },
  { path: AUDIT, kind: 'folder', part: 'node', names: /^(audit(-\d{12})?\.log|head)$/ },
];

/** Where the owner's key and the settings are in a snapshot, beside the data directory's files. */
export const OWNER_KEY = 'owner.key';
export const SETTINGS_FILE = 'settings.yaml';
export const DATA = 'data/';

/** Whether a backup may hold a file of this path. */
export function isContentPath(path: string): boolean {
  return path === OWNER_KEY || path === SETTINGS_FILE || contentOf(path) !== null;
}

/** The row of a snapshot's path; null where it is not of the data directory. */
export function contentOf(path: string): Content | null {
  if (!path.startsWith(DATA)) return null;
  const own = path.slice(DATA.length);
  const found = CONTENTS.find(({ path: whole, names }) => {
    if (names === undefined) return own === whole;
    return own.startsWith(`${whole}/`) && names.test(own.slice(whole.length + 1));
  });
  return found ?? null;
}
