import type { ProviderRecords } from './provider-records.ts';

/** What the network asks of services, which are made after it: each sets what is its own before the network starts. */
export interface NetworkHooks {
  /** Called for every copy of an envelope that a peer sent. */
  onCopy: () => void;
  /** Keeps in these records what others announce in the DHT; without it nothing of that is kept. */
  readonly keepProviders: (records: ProviderRecords) => void;
}
