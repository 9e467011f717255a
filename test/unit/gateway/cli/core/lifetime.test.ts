import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Program, until } from '../../../../support/processes.ts';
import { ROOT } from '../../../../support/sources.ts';

async function begun(t: TestContext, ...traits: string[]): Promise<Program> {
  const program = new Program(t, process.execPath, [join(ROOT, 'test/support/service.ts'), ...traits]);
  if (!traits.includes('start-fails')) assert.equal(await program.firstLine(), 'begun');
  return program;
}

test('the first signal stops, whichever it is', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const service = await begun(t);
    assert.equal((await service.end(signal)).exit, 0);
    assert.match(service.stdout, /stopping/);
  }
});

test('a stop that hangs is ended within 3 s, and so is a start that hangs', async (t) => {
  for (const trait of ['stop-hangs', 'start-hangs']) {
    const { exit, ms } = await (await begun(t, trait)).end('SIGTERM');
    assert.equal(exit, 1, trait);
    assert.ok(ms < 3000, `${trait}: ${ms} ms`);
  }
});

test('one Ctrl-C that arrives several times is one; a later one exits at once', async (t) => {
  const service = await begun(t, 'stop-hangs');
  const since = performance.now();
  for (let i = 0; i < 3; i++) service.process.kill('SIGINT');
  await until('it is stopping', () => service.stdout.includes('stopping'));
  const ended = service.exit.then(() => performance.now() - since);
  await until(
    'a later signal ends it',
    () => service.process.exitCode !== null || !service.process.kill('SIGINT'),
  );
  assert.equal(await service.exit, 130);
  const ms = await ended;
  assert.ok(ms >= 450 && ms < 2500, `${ms} ms`);
});

test('a start that fails is stopped, and its error is thrown', async (t) => {
  const service = await begun(t, 'start-fails');
  assert.equal(await service.exit, 7);
  assert.match(service.stderr, /start failed/);
  assert.match(service.stdout, /stopping/);
});

test('an error nobody caught ends the process', async (t) => {
  const service = await begun(t, 'rejects');
  assert.equal(await service.exit, 1);
  assert.match(service.stderr, /crashed: Error: nobody caught this/);
});
