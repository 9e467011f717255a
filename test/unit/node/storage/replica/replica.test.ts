/** A replica, on a real store, whose operator the owner chooses while a write is under way. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Replica, type ReplicaComponents } from '../../../../../node/storage/replica/replica.ts';
import type { RecordStore } from '../../../../../node/storage/store/interface.ts';
import {
  type Answers,
  type Condition,
  decodeRecord,
  Partitions,
  type RecordBody,
} from '../../../../../protocols/storage/index.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import { scratch } from '../../../../support/processes.ts';
import { crypto, openStore, PLACE, storable } from '../../../../support/store-records.ts';

const NOW = 1_000_000_000_000;
const VIEW = '0'.repeat(16);

const nothing = (): void => undefined;

/** A replica that is a sponsor as soon as its store has begun with a write. */
class Subject {
  readonly #partitions = new Partitions({ crypto }, { swarm: 'maillon' });
  readonly #store: RecordStore;
  readonly #replica: Replica;
  isChosen = false;

  constructor(t: TestContext) {
    const clock = new ManualClock(NOW);
    this.#store = openStore(scratch(t), {
      clock,
      quotaOf: () => {
        const isSponsored = this.isChosen;
        this.isChosen = true;
        return { bytes: 2 ** 30, keys: 1_000, isSponsored };
      },
    });
    t.after(() => this.#store.close());
    const standing = { view: VIEW, isHome: true, isSynced: true, origin: VIEW };
    this.#replica = new Replica({
      clock,
      crypto,
      partitions: this.#partitions,
      store: this.#store,
      admission: { admit: (bytes: Uint8Array) => Promise.resolve(decodeRecord(bytes, crypto)) },
      blobs: { hold: nothing, replaced: nothing },
      places: { of: () => ({ isHome: true, isSponsored: this.isChosen, homes: [] }) },
      standings: { of: () => standing, keep: () => Promise.resolve(), isStale: () => false },
    } as unknown as ReplicaComponents);
  }

  put(fields: Partial<RecordBody>, condition: Condition | null = null): Promise<Answers['put']> {
    const record = storable({ key: 'k', ms: NOW, ...fields });
    return this.#replica.answer({ type: 'put', record: record.bytes, condition, asStandIn: false }, 'peer');
  }

  get held(): unknown {
    const partition = this.#partitions.of({ ...PLACE, key: 'k' });
    const held = this.#store.get(partition, 'k', NOW);
    return held !== null && 'record' in held
      ? [Buffer.from(held.record.value).toString(), held.expiry]
      : held;
  }
}

test('what is written while its replica becomes a sponsor lasts, as the answer says', async (t) => {
  const subject = new Subject(t);
  const { outcome, isDurable } = await subject.put({});
  assert.deepEqual([outcome, isDurable], [{ status: 'stored' }, true]);
  assert.deepEqual(subject.held, ['value of k', null]);
});

test('what its condition refuses meanwhile is not written after all', async (t) => {
  const subject = new Subject(t);
  await subject.put({});
  subject.isChosen = false;
  const { outcome } = await subject.put({ ms: NOW + 1, value: Buffer.from('refused') }, { kind: 'absent' });
  assert.equal(outcome.status, 'condition');
  assert.deepEqual(subject.held, ['value of k', null]);
});
