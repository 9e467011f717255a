import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULTS } from '../../../../node/config/schema.ts';
import { formatLine } from '../../../../node/observability/libp2p-logger.ts';
import { createLogger, libp2pLogger } from '../../../../node/observability/logger.ts';

/** A logger at `level` and the lines it wrote. */
function recorded(level: 'info' | 'debug' | 'trace') {
  const lines: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  return {
    lines,
    logger: createLogger({ ...DEFAULTS, 'log.level': level, 'log.format': 'json' }, { stream }),
  };
}

test('a secret does not reach the log wherever it stands', () => {
  const { lines, logger } = recorded('info');
  const secret = 'hunter2';
  logger.info({ privateKey: secret, a: { token: secret, b: { password: secret } } }, 'one');
  logger.info({ req: { headers: { authorization: secret, cookie: secret, 'x-api-key': secret } } }, 'two');
  assert.equal(lines.length, 2);
  assert.doesNotMatch(JSON.stringify(lines), /hunter2/);
});

test('libp2p is not even formatted when debug is off', () => {
  const { lines, logger } = recorded('info');
  const log = libp2pLogger(logger).forComponent('libp2p:x').newScope('y');
  const untouchable = { toString: () => assert.fail('it was formatted') };
  log('%s', untouchable);
  log.error('%s', untouchable);
  log.trace('%s', untouchable);
  assert.equal(log.enabled, false);
  assert.deepEqual(lines, []);
});

test('libp2p logs under its component at debug, its traces at trace', () => {
  const { lines, logger } = recorded('debug');
  const log = libp2pLogger(logger).forComponent('libp2p:x').newScope('y');
  log('dialled %p in %d ms', { toString: () => '12D3' }, 7);
  log.error('failed - %e', new Error('gone'));
  log.trace('%s', 'not seen');
  assert.equal(log.enabled, true);
  assert.deepEqual(
    lines.map(({ component, msg }) => [component, msg]),
    [
      ['libp2p:x:y', 'dialled 12D3 in 7 ms'],
      ['libp2p:x:y', 'failed - gone'],
    ],
  );
});

test('a line is made of whatever it is given and is bounded', () => {
  assert.equal(formatLine('%d%% of %s', [5, 'x']), '5% of x');
  assert.equal(formatLine('%s and %s', ['one']), 'one and %s');
  assert.equal(formatLine('plain', ['rest', new Error('e')]), 'plain rest e');
  assert.equal(formatLine(new Error('alone'), []), 'alone');
  assert.equal(formatLine('%b', [Uint8Array.of(0, 1)]), '12');
  assert.equal(formatLine('%q', [1]), '%q 1');
  const broken = {
    toString() {
      throw new Error('no text');
    },
  };
  assert.equal(formatLine('%p', [broken]), '[no text]');
  assert.equal(formatLine('x'.repeat(10_000), []).length, 2000);
});
