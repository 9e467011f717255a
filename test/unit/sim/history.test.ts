import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History, type Violation } from '../../sim/storage/history.ts';

const CID = `b${'a'.repeat(58)}`;
const etag = (ms: number) => `"${ms}-0-${CID}"`;

function acked(history: History, kind: 'put' | 'delete', text: string, ms: number): void {
  const op = history.begin({ key: 'p/k', kind, text });
  history.end(op, { kind: 'acked', etag: etag(ms), replicas: [], durable: true, expiresAt: null });
}

function readNow(history: History, text: string | null, ms = 0): void {
  const read = { kind: 'value', etag: etag(ms), text: text ?? '', isDegraded: false } as const;
  history.judgeRead('p/k', history.now(), text === null ? { kind: 'none' } : read, 'a');
}

/** The violation expected for each fault. */
const FAULTS: readonly (readonly [Violation, (history: History) => void])[] = [
  [
    'lost',
    (history) => {
      acked(history, 'put', 'one', 1_000);
      readNow(history, null);
    },
  ],
  [
    'older',
    (history) => {
      acked(history, 'put', 'one', 1_000);
      acked(history, 'put', 'two', 2_000);
      readNow(history, 'one', 1_000);
    },
  ],
  [
    'deletedBack',
    (history) => {
      acked(history, 'put', 'one', 1_000);
      acked(history, 'delete', '', 2_000);
      readNow(history, 'one', 1_000);
    },
  ],
  [
    'refusedSeen',
    (history) => {
      const op = history.begin({ key: 'p/k', kind: 'put', text: 'one' });
      history.end(op, { kind: 'refused', code: 'insufficient_replicas' });
      readNow(history, 'one', 1_000);
    },
  ],
  ['unknownValue', (history) => readNow(history, 'nobody wrote it', 1_000)],
  [
    'versionOrder',
    (history) => {
      acked(history, 'put', 'one', 2_000);
      acked(history, 'put', 'two', 1_000);
    },
  ],
  [
    'staleCondition',
    (history) => {
      acked(history, 'put', 'one', 1_000);
      acked(history, 'put', 'two', 2_000);
      const op = history.begin({ key: 'p/k', kind: 'put', text: 'three', ifMatch: etag(1_000) });
      history.end(op, { kind: 'acked', etag: etag(3_000), replicas: [], durable: true, expiresAt: null });
    },
  ],
  [
    'staleCondition',
    (history) => {
      acked(history, 'put', 'one', 1_000);
      const op = history.begin({ key: 'p/k', kind: 'put', text: 'two', ifAbsent: true });
      history.end(op, { kind: 'acked', etag: etag(2_000), replicas: [], durable: true, expiresAt: null });
    },
  ],
  [
    'listWrong',
    (history) => {
      acked(history, 'put', 'one', 1_000);
      history.judgeList('p/', history.now(), [], 'a');
    },
  ],
  [
    'listWrong',
    (history) => {
      acked(history, 'put', 'one', 1_000);
      acked(history, 'delete', '', 2_000);
      history.judgeList('p/', history.now(), [{ key: 'p/k', etag: etag(1_000), expiresAt: null }], 'a');
    },
  ],
];

test('the checker finds what it is there for', () => {
  for (const [violation, make] of FAULTS) {
    const history = new History();
    make(history);
    assert.deepEqual(
      Object.entries(history.violations).filter(([, count]) => count > 0),
      [[violation, 1]],
      history.examples.join('\n'),
    );
  }
});

test('the checker allows what is promised to be possible', () => {
  const history = new History();
  acked(history, 'put', 'one', 1_000);
  const unclear = history.begin({ key: 'p/k', kind: 'put', text: 'two' });
  history.end(unclear, { kind: 'unclear', code: 'outcome_unknown' });
  readNow(history, 'one', 1_000);
  readNow(history, 'two', 2_000);
  const deletion = history.begin({ key: 'p/k', kind: 'delete', text: '' });
  readNow(history, null);
  readNow(history, 'two', 2_000);
  history.end(deletion, { kind: 'acked', etag: etag(3_000), replicas: [], durable: true, expiresAt: null });
  readNow(history, null);
  history.judgeList('p/', history.now(), [], 'a');
  assert.equal(history.violationCount, 0, history.examples.join('\n'));
});
