import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentOf, swarmOf } from '../../../../node/network/agent.ts';

test('the swarm that a node says in its agent is read back', () => {
  assert.equal(swarmOf(agentOf({ version: '1.2.3-rc.1', swarm: 'team-7' })), 'team-7');
});

test('what is no agent of a node says no swarm', () => {
  for (const agent of [
    undefined,
    '',
    'maillon/0.1.0',
    'kubo/0.30',
    'maillon/1 (swarm A)',
    'maillon/1 (swarm a) x',
    `maillon/1 (swarm ${'a'.repeat(65)})`,
  ]) {
    assert.equal(swarmOf(agent), null, agent);
  }
});
