import type { NodeCore } from '../core/core.ts';
import { opennessOf, recordAuthoriser, recordCurrency } from '../identity/tenancy.ts';
import { registerStorageMetrics } from './metrics.ts';
import { removeRestored } from './replica/restored-file.ts';
import { StorageService } from './service.ts';

/** Opens the store. Throws `bad_storage_key`, `storage_version`. */
export async function create(core: NodeCore): Promise<StorageService> {
  const { config, role, operator, clock, splitLoopback, meter } = core;
  const { authority, credentials, namespaces, sponsors, termsOf } = core.service('authorisation');
  const keeps = role === 'full' && config['storage.enabled'];
  const LocalReplica = keeps ? (await import('./replica/local-replica.ts')).LocalReplica : null;
  // a node that keeps nothing has nothing to reconcile
  if (!keeps) removeRestored(config.data);
  const storage = new StorageService(
    {
      ...core,
      directory: core.service('directory'),
      authorise: recordAuthoriser(authority),
      isAuthorisedNow: recordCurrency(authority, clock),
      // switched off, nothing is public, whoever asks however
      isOpen: core.isOn('ipfs') ? opennessOf(namespaces) : () => false,
      credentials,
      termsOf,
      sponsors,
      operator: operator.did,
      LocalReplica,
      operatorFault: () => core.services.members?.status.fault ?? null,
    },
    { config, splitLoopback },
  );
  if (meter !== null) registerStorageMetrics(meter, storage);
  return storage;
}
