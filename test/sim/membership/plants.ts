import { createCrypto } from '../../../node/runtime/crypto.ts';
import { PartitionStates } from '../../../node/storage/placement/partition-states.ts';
import type { PutOutcome, PutRequest } from '../../../node/storage/store/interface.ts';
import type { UpkeepComponents } from '../../../node/storage/sync/upkeep.ts';
import { Partitions } from '../../../protocols/storage/index.ts';
import { MemoryStore, type MemoryStoreComponents, type MemoryStoreInit } from '../../support/memory-store.ts';
import { type Plant, SWARM } from './node.ts';

type Ask = UpkeepComponents['ask'];

const partitions = new Partitions({ crypto: createCrypto() }, { swarm: SWARM });

/** A node drops what it kept for others once the first replica has it: of the others it takes that for granted. */
const dropsAfterOne: Plant = {
  upkeep: (components) => {
    const ask = (async (id, request, signal) => {
      const isAboutPartition = request.type === 'handover' || request.type === 'state';
      if (!isAboutPartition) return components.ask(id, request, signal);
      const { owner, namespace, partition } = request as {
        owner: string;
        namespace: string;
        partition: number;
      };
      const namespaceId = partitions.namespaceId({ owner, namespace });
      const { replicas, setId, isReplica } = components.places.of({ namespaceId, partition });
      if (isReplica || replicas[0]?.id === id) return components.ask(id, request, signal);
      return { setId, isReplica: true, isSynced: true };
    }) as Ask;
    const copier = { covers: () => Promise.resolve(true) } as unknown as UpkeepComponents['copier'];
    return { ...components, ask, copier, mayKeep: () => false };
  },
};

class HastyStandings extends PartitionStates {
  override of(partition: Parameters<PartitionStates['of']>[0]): ReturnType<PartitionStates['of']> {
    const standing = super.of(partition);
    return { ...standing, isSynced: standing.isReplica || standing.isSynced };
  }
}

/** A replica counts as soon as it is one: before it has what the former ones had. */
const countsBeforeSynced: Plant = { states: (components) => new HastyStandings(components) };

class ForgetfulStore extends MemoryStore {
  readonly #whose: { isCopied: boolean };

  constructor(components: MemoryStoreComponents, init: MemoryStoreInit) {
    const whose = { isCopied: false };
    super(components, {
      ...init,
      quotaOf: (place) => {
        const quota = init.quotaOf(place);
        return { ...quota, isSponsored: quota.isSponsored && !whose.isCopied };
      },
    });
    this.#whose = whose;
  }

  override put(request: PutRequest): Promise<PutOutcome> {
    this.#whose.isCopied = request.isRepair === true;
    const outcome = super.put(request);
    this.#whose.isCopied = false;
    return outcome;
  }
}

/** Copies from another replica are kept for a day only. */
const shortensCopies: Plant = { store: (...made) => new ForgetfulStore(...made) };

export const PLANTS: Readonly<Record<string, Plant>> = { dropsAfterOne, countsBeforeSynced, shortensCopies };
