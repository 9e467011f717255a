import { STORAGE_LIMITS } from '../../protocols/storage/constants.ts';
import { BLOB_STORE_LIMITS } from '../blobs/limits.ts';
import { STORAGE_SETTINGS } from '../config/settings/storage.ts';
import type { NodeFeature } from '../core/feature.ts';
import { STORAGE_SERVICE_LIMITS } from './api/limits.ts';
import { MAINTENANCE_LIMITS } from './maintenance/limits.ts';
import type { StorageService } from './service.ts';

declare module '../core/core.ts' {
  interface Services {
    readonly storage: StorageService;
  }
}

/** Signed, replicated records and blobs. With `storage.enabled` false a node reads and writes at others, and keeps nothing itself. */
export const STORAGE: NodeFeature = {
  name: 'storage',
  settings: STORAGE_SETTINGS,
  limits: [...STORAGE_LIMITS, ...STORAGE_SERVICE_LIMITS, ...BLOB_STORE_LIMITS, ...MAINTENANCE_LIMITS],
  needs: ['authorisation', 'directory'],
  load: () => import('./create.ts'),
};
