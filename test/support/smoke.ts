/** The smoke forms of the experiments that a script lists: each is a process, as somebody would run it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Result } from './experiment.ts';
import { cleanEnvironment, Program } from './processes.ts';
import { ROOT } from './sources.ts';

/** Adds a test for each, which `judge` may say more of. */
export function testSmoke(script: string, judge: (result: Result) => void): void {
  const path = join(ROOT, script);
  const { stdout, status } = spawnSync(process.execPath, [path], {
    encoding: 'utf8',
    env: cleanEnvironment(),
  });
  const names = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ', 1)[0] ?? '');
  test('without a name it lists what there is', () => {
    assert.equal(status, 0);
    assert.ok(names.length > 0 && new Set(names).size === names.length, stdout);
  });
  for (const name of names) {
    test(name, async (t) => {
      const program = new Program(t, process.execPath, [path, name, '--json', '--smoke']);
      const exit = await program.exit;
      assert.equal(exit, 0, program.stderr);
      const result = JSON.parse(program.stdout.trim().split('\n').at(-1) ?? '') as Result;
      assert.deepEqual(Object.keys(result).toSorted(), ['figures', 'name', 'targets']);
      assert.equal(result.name, name);
      assert.ok(Object.keys(result.figures).length > 0);
      for (const target of result.targets) {
        assert.deepEqual(Object.keys(target).toSorted(), ['met', 'name', 'target', 'value'], target.name);
      }
      judge(result);
    });
  }
}
