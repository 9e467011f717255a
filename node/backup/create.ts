import type { NodeCore } from '../core/core.ts';
import { Backups } from './service.ts';

export function create({ clock, config, identity, services }: NodeCore): Backups {
  // without storage nothing removes blocks
  const holdBlocks = async () => (await services.storage?.blobs.pauseCollection()) ?? (() => undefined);
  return new Backups({ clock, holdBlocks }, { config, peerId: identity.peerId });
}
