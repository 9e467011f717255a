import type { ProviderRecords } from './provider-records.ts';

/** Calls of the network into services that are made after it: each service sets its hook before the network starts. */
export interface NetworkHooks {
  /** Called for every copy of an envelope that a peer sent. */
  onCopy: () => void;
  /** Keeps in these records what others announce in the DHT; without it nothing of that is kept. */
  readonly keepProviders: (records: ProviderRecords) => void;
}
