import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAlone, otherOwners, shortDid, whose } from '../../../../../gateway/cli/sessions/whose.ts';

const OWNER = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta7Q3x';

type Known = Parameters<typeof isAlone>[0] & { readonly operator: { readonly did: string } };

function node(nodes: number, owners = 0): Known {
  return { operator: { did: OWNER }, directory: { nodes, direct: nodes, relayed: 0, owners } };
}

test('a namespace is of whoever asks, of a session, or of somebody else', () => {
  const operator = { namespace: undefined, isOperator: true };
  assert.equal(whose(operator, node(0)), ' of yours (did:key:…7Q3x)');
  assert.equal(whose({ ...operator, namespace: 'team' }, node(0)), ' of yours (did:key:…7Q3x)');
  assert.equal(whose(operator, null), '');
  assert.equal(
    whose({ namespace: 'team', isOperator: false }, node(0)),
    ' of yours (namespace team of your session)',
  );
  assert.equal(whose({ namespace: `team@${OWNER}`, isOperator: false }, null), ' of did:key:…7Q3x');
});

test('nodes of other owners are counted', () => {
  assert.equal(otherOwners(node(3)), '');
  assert.equal(otherOwners(node(3, 0)), '');
  assert.equal(otherOwners(node(3, 1)), '; 1 node here belongs to another owner');
  assert.equal(otherOwners(node(3, 2)), '; 2 nodes here belong to other owners');
  assert.equal(otherOwners(null), '');
  assert.deepEqual(
    [isAlone(node(0, 0)), isAlone(node(2, 0)), isAlone(node(2, 1)), isAlone(node(2, 2))],
    [false, false, false, true],
  );
});

test('a DID is shown by its method and its end, and cannot steer the terminal', () => {
  assert.equal(shortDid('did:pkh:eip155:1:0xabcdef'), 'did:pkh:…cdef');
  assert.equal(shortDid('did:key:ab'), 'did:key:ab');
  assert.ok(!shortDid('did:key:\u001b[2J').includes('\u001b'));
});
