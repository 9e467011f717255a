import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CopierComponents } from '../../../../../node/storage/sync/copier.ts';
import {
  type Answers,
  CLOCK_SKEW_MS,
  KIND_FLOOR,
  type RequestOf,
  type RequestType,
  type SignedRecord,
} from '../../../../../protocols/storage/index.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';
import {
  AMONG_AT,
  answering,
  type CopyingInit,
  copying,
  HERE,
  keyIn,
  member,
  READY,
  recordOf,
  replicaAmong,
} from '../../../../support/replica-among.ts';

const IDS = ['self', 'source', 'third'] as const;
/** Later than any clock may be. */
const LATE = AMONG_AT + CLOCK_SKEW_MS + 1;
const NEVER = new AbortController().signal;

type Answer = Answers[RequestType];
/** An answer that the source gives instead of its own. */
type Lie = (request: RequestOf<RequestType>, answer: Answer) => Answer;

/** Three replicas of one partition, and a copier of the first one. */
function make(init: CopyingInit = {}) {
  const clock = new ManualClock(AMONG_AT);
  const [self, source, third] = IDS.map((id) => replicaAmong({ clock, self: id })) as [
    ReturnType<typeof replicaAmong>,
    ReturnType<typeof replicaAmong>,
    ReturnType<typeof replicaAmong>,
  ];
  const all = { self, source, third };
  for (const one of Object.values(all)) {
    one.become(...IDS.map((id, rank) => member(id, rank + 1, READY)));
    one.states.synced(HERE);
  }
  const replicas = new Map<string, ReturnType<typeof answering>>();
  for (const id of IDS) replicas.set(id, answering(all[id]));
  const asked: string[] = [];
  const lie: { says: Lie } = { says: (_request, answer) => answer };
  const ask: CopierComponents['ask'] = async (id, request, signal) => {
    asked.push(`${id} ${request.type}`);
    signal.throwIfAborted();
    const answer = await replicas.get(id)?.answer(request, 'self');
    if (answer === undefined) throw new Error('it does not answer');
    return (id === 'source' ? lie.says(request, answer) : answer) as never;
  };
  const copier = copying(self, ask, init);
  const pull = (endings?: 'trusted') => copier.pull('source', HERE, HERE, NEVER, endings && { endings });
  return { ...all, asked, clock, copier, lie, pull, replicas };
}

type Among = ReturnType<typeof replicaAmong>;

async function put({ store }: Among, ...records: readonly SignedRecord[]): Promise<void> {
  for (const record of records) await store.put({ place: HERE, record, condition: null });
}

function numbered(count: number, ms = AMONG_AT): SignedRecord[] {
  return Array.from({ length: count }, (_, n) => recordOf({ key: keyIn(n), ms }));
}

function fingerprint({ store }: Among): string {
  return String(store.summary(HERE)?.fingerprint);
}

/** When the record under a key was written; null where there is none. */
function writtenAt({ store, clock }: Among, key = keyIn(0)): number | null {
  const held = store.get(HERE, key, clock.now());
  return held !== null && 'record' in held ? held.record.ms : null;
}

test('what is missing or older here is taken over, what is newer stays, and the second time there is nothing', async () => {
  const { asked, pull, self, source } = make();
  await put(source, ...numbered(30));
  await put(
    self,
    recordOf({ key: keyIn(0), ms: AMONG_AT + 1 }),
    recordOf({ key: keyIn(1), ms: AMONG_AT - 1 }),
  );
  const { setId, isSynced } = await pull();
  assert.deepEqual([setId, isSynced], [self.places.of(HERE).setId, true]);
  assert.deepEqual([writtenAt(self), writtenAt(self, keyIn(1))], [AMONG_AT + 1, AMONG_AT]);
  assert.equal(self.store.summary(HERE)?.count, 30);
  assert.equal(self.metrics.recordsCopied, 29);
  await put(source, recordOf({ key: keyIn(0), ms: AMONG_AT + 1 }));
  assert.equal(fingerprint(self), fingerprint(source));
  asked.length = 0;
  await pull();
  assert.deepEqual(new Set(asked), new Set(['source reconcile']));
});

test('that a key has ended counts when a majority says so, or at once of a source that is trusted', async () => {
  const { asked, pull, self, source, third } = make();
  const [record] = numbered(1) as [SignedRecord];
  for (const one of [self, source, third]) await put(one, record);
  const [ending] = numbered(1, AMONG_AT + 1) as [SignedRecord];
  await source.store.raiseFloors(HERE, [ending]);
  await pull();
  assert.equal(writtenAt(self), AMONG_AT, 'one alone may lie');
  asked.length = 0;
  await pull('trusted');
  assert.equal(writtenAt(self), null);
  assert.ok(!asked.some((one) => one.startsWith('third')));
  const voted = make();
  for (const one of [voted.self, voted.source, voted.third]) await put(one, record);
  for (const one of [voted.source, voted.third]) {
    await one.store.raiseFloors(HERE, [ending]);
  }
  await voted.pull();
  assert.equal(writtenAt(voted.self), null);
  assert.equal(voted.self.store.head(HERE, keyIn(0))?.kind, KIND_FLOOR);
});

test('a value that expired is not taken over, and ends here once the others have removed it', async () => {
  const { clock, pull, self, source, third } = make();
  const record = recordOf({ key: keyIn(0), expiry: AMONG_AT + 60_000 });
  for (const one of [source, third]) await put(one, record);
  clock.advance(60_000);
  await pull();
  assert.equal(self.store.summary(HERE), null);
  for (const one of [source, third]) await one.store.expire(clock.now(), 10);
  await pull();
  assert.equal(self.store.head(HERE, keyIn(0))?.kind, KIND_FLOOR);
});

test('a record that its author could not sign now is taken where a second replica holds it', async () => {
  const { pull, self, source, third } = make({ isAuthorisedNow: () => Promise.resolve(false) });
  const [record] = numbered(1) as [SignedRecord];
  await put(source, record);
  await pull();
  assert.equal(writtenAt(self), null);
  await put(third, record);
  await pull();
  assert.equal(writtenAt(self), AMONG_AT);
});

test('what nobody asked for, or is of the future, is not taken; lies are counted', async () => {
  const { lie, pull, self, source } = make();
  await put(source, ...numbered(3));
  lie.says = ({ type }, answer) => {
    if (type !== 'entries') return answer;
    const { entries } = answer as Answers['entries'];
    return { entries: entries.map((one) => one && Object.assign({}, one, { key: keyIn(9) })) };
  };
  await pull();
  assert.deepEqual([self.store.summary(HERE), self.metrics.liesFound], [null, 3]);
  lie.says = ({ type }, answer) => {
    if (type !== 'fetch') return answer;
    const { records } = answer as Answers['fetch'];
    return { records: records.map(() => recordOf({ key: keyIn(9) }).bytes) };
  };
  await pull();
  assert.deepEqual([self.store.summary(HERE), self.metrics.liesFound], [null, 6]);
  lie.says = ({ type }, answer) => {
    if (type !== 'entries') return answer;
    const { entries } = answer as Answers['entries'];
    return { entries: entries.map((one) => one && Object.assign({}, one, { ms: LATE })) };
  };
  await pull();
  assert.deepEqual([self.store.summary(HERE), self.metrics.liesFound], [null, 6], 'a fast clock is no lie');
  lie.says = ({ type }, answer) => {
    return type === 'reconcile' ? { ...(answer as Answers['reconcile']), message: Buffer.from('?') } : answer;
  };
  await assert.rejects(pull());
  assert.equal(self.metrics.liesFound, 7);
});

test('copying takes no more bytes a second than it may, and is broken off while it waits', async () => {
  const { clock, copier, pull, self, source } = make({ bytesPerSecond: 1_000 });
  await put(source, ...numbered(20));
  const bytes = numbered(20).reduce((sum, one) => sum + one.bytes.byteLength, 0);
  let isDone = false;
  const pulled = pull().then(() => {
    isDone = true;
  });
  // one second's worth is free, and one message may overdraw it
  const least = (bytes / 1_000 - 1) * 1_000;
  await clock.advanceAsync(least - 1);
  assert.equal(isDone, false);
  await clock.advanceAsync(10_000);
  await pulled;
  assert.equal(fingerprint(self), fingerprint(source));
  await put(source, ...numbered(20, AMONG_AT + 1));
  const stop = new AbortController();
  const broken = assert.rejects(copier.pull('source', HERE, HERE, stop.signal), /enough/);
  await clock.advanceAsync(100);
  stop.abort(new Error('enough'));
  await broken;
});

test('another replica covers this one when it has something as new under each key', async () => {
  const { copier, self, source } = make();
  const covers = (): Promise<boolean> => copier.covers('source', HERE, NEVER);
  await put(self, ...numbered(3));
  assert.equal(await covers(), false);
  await put(source, ...numbered(2), recordOf({ key: keyIn(2), ms: AMONG_AT - 1 }));
  assert.equal(await covers(), false, 'one is older there');
  await put(source, recordOf({ key: keyIn(2), ms: AMONG_AT + 1 }));
  assert.equal(await covers(), true);
  await source.store.raiseFloors(HERE, numbered(1, AMONG_AT + 1));
  assert.equal(await covers(), true, 'it has ended there later');
  await put(source, recordOf({ key: keyIn(5) }));
  assert.equal(await covers(), true, 'it may have more');
});

test('a partition that is known by its id only is named by the source, which is checked', async () => {
  const { copier, lie, self, source } = make();
  await put(source, ...numbered(3));
  const { namespaceId, partition } = HERE;
  lie.says = ({ type }, answer) => {
    if (type !== 'partitions') return answer;
    const { entries } = answer as Answers['partitions'];
    return { next: null, entries: entries.map((one) => Object.assign({}, one, { namespace: 'another' })) };
  };
  await assert.rejects(copier.pull('source', { namespaceId, partition }, null, NEVER), /does not name/);
  assert.equal(self.store.summary(HERE), null);
  lie.says = (_request, answer) => answer;
  await copier.pull('source', { namespaceId, partition }, null, NEVER);
  assert.equal(self.store.summary(HERE)?.count, 3);
});
