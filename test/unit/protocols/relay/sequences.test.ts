import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SequenceBook } from '../../../../protocols/relay/index.ts';
import { SEQUENCE_TOPICS_MAX } from '../../../../protocols/relay/sequences.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const NOW = 1_763_683_200_000;

test('a topic is counted from 1 without holes, in one epoch', () => {
  const book = new SequenceBook({ clock: new ManualClock(NOW), reserve: () => undefined });
  const first = book.take('a', 3);
  assert.deepEqual(first, { epoch: NOW, sequence: 1 });
  assert.deepEqual(book.take('a', 1), { epoch: NOW, sequence: 4 });
  assert.deepEqual(book.take('a', 2), { epoch: NOW, sequence: 5 });
  assert.equal(book.take('b', 1).sequence, 1, 'another topic has its own count');
});

test('numbers given back are given out again', () => {
  const book = new SequenceBook({ clock: new ManualClock(NOW), reserve: () => undefined });
  book.take('a', 2);
  book.take('a', 5);
  book.giveBack('a', 5);
  assert.equal(book.take('a', 1).sequence, 3);
  assert.doesNotThrow(() => book.giveBack('never seen', 1));
});

test('what was kept goes on where it was', () => {
  const clock = new ManualClock(NOW);
  const before = new SequenceBook({ clock, reserve: () => undefined });
  const { epoch } = before.take('a', 7);
  clock.advance(60_000);
  const after = new SequenceBook({ clock, reserve: () => undefined }, before.state());
  assert.deepEqual(after.take('a', 1), { epoch, sequence: 8 });
});

test('a topic that is not known begins an epoch above every one before, whatever the clock says', () => {
  const clock = new ManualClock(NOW);
  const before = new SequenceBook({ clock, reserve: () => undefined });
  const { epoch } = before.take('a', 7);
  clock.advance(-3_600_000);
  const after = new SequenceBook({ clock, reserve: () => undefined }, { ...before.state(), points: [] });
  const next = after.take('a', 1);
  assert.ok(next.epoch > epoch, `${next.epoch} after ${epoch}`);
  assert.equal(next.sequence, 1);
});

test('it is bounded: the topic not used for longest begins a new epoch', () => {
  const clock = new ManualClock(NOW);
  const book = new SequenceBook({ clock, reserve: () => undefined });
  const first = book.take('topic-0', 1);
  const second = book.take('topic-1', 1);
  for (let i = 2; i < SEQUENCE_TOPICS_MAX; i++) book.take(`topic-${i}`, 1);
  assert.deepEqual(book.take('topic-0', 1), { epoch: first.epoch, sequence: 2 }, 'all of them are known');
  book.take('one more', 1);
  assert.equal(book.state().points.length, SEQUENCE_TOPICS_MAX);
  assert.deepEqual(book.take('topic-0', 1), { epoch: first.epoch, sequence: 3 });
  const again = book.take('topic-1', 1);
  assert.ok(again.epoch > second.epoch && again.sequence === 1);
});

type Step =
  | { readonly take: number; readonly topic: string; readonly used: boolean }
  | { readonly restart: 'kept' | 'lost' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      take: fc.integer({ min: 1, max: 5 }),
      topic: fc.constantFrom('a', 'b', 'c'),
      used: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ restart: fc.constantFrom('kept', 'lost') }) },
);

/** Seeds that failed once. */
const SEEDS: readonly number[] = [1];

test('over restarts, losses and clock steps no number is used twice, none is left out, epochs only rise', () => {
  const property = fc.property(
    fc.array(fc.tuple(step, fc.integer({ min: -5000, max: 5000 })), { maxLength: 60 }),
    (steps) => {
      const clock = new ManualClock(NOW);
      let book = new SequenceBook({ clock, reserve: () => undefined });
      const last = new Map<string, { epoch: number; sequence: number }>();
      for (const [one, ms] of steps) {
        clock.advance(ms);
        if ('restart' in one) {
          const state = book.state();
          book = new SequenceBook(
            { clock, reserve: () => undefined },
            one.restart === 'kept' ? state : { ...state, points: [] },
          );
          continue;
        }
        const { epoch, sequence } = book.take(one.topic, one.take);
        const before = last.get(one.topic);
        if (before?.epoch === epoch) assert.equal(sequence, before.sequence + 1);
        else assert.ok(sequence === 1 && epoch > (before?.epoch ?? -1));
        if (one.used) last.set(one.topic, { epoch, sequence: sequence + one.take - 1 });
        else {
          book.giveBack(one.topic, one.take);
          if (before?.epoch !== epoch) last.set(one.topic, { epoch, sequence: 0 });
        }
      }
    },
  );
  for (const seed of SEEDS) fc.assert(property, { seed });
  fc.assert(property);
});
