import { createInterface } from 'node:readline/promises';
import { CodedError } from '../../../protocols/common/errors.ts';
import type { Invite, MemberRole } from '../../../protocols/join/index.ts';
import { note, properties } from '../core/terminal.ts';

export interface Confirmation {
  readonly invite: Invite;
  /** Peer id of the issuer. */
  readonly issuer: string;
  readonly addresses: readonly string[];
  /** Where what is granted is kept. */
  readonly directory: string;
  readonly isYes: boolean;
}

const JOINS_AS: Readonly<Record<MemberRole, string>> = {
  node: 'full node: it keeps the data of that owner as a replica',
  gateway: 'light gateway: it serves clients and keeps nothing',
  member: 'command line, without a node',
};

const FULL_RIGHTS = 'publish, read and write in every namespace of that owner; never to set policies';
const RIGHTS: Readonly<Record<MemberRole, string>> = {
  node: FULL_RIGHTS,
  gateway: FULL_RIGHTS,
  member:
    'publish and write in every namespace of that owner; never to set policies\n' +
    'read there at a gateway: once you are signed in and the policy of the namespace names you (maillon join --help)',
};

/** Shows what an invite means and asks whether to join. Throws `not_confirmed`. */
export async function confirmJoin(confirmation: Confirmation): Promise<void> {
  note(describe(confirmation));
  if (confirmation.isYes) return;
  if (!process.stdin.isTTY) {
    const advice = 'pass --yes to join without being asked, or run this on a terminal';
    throw new CodedError('not_confirmed', `nobody can be asked whether to join: ${advice}`);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question('Join? [y/N] ');
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    terminal.close();
  }
  throw new CodedError('not_confirmed', 'not joined: the invite can be used until it expires');
}

function describe({ invite, issuer, addresses, directory }: Confirmation): string {
  const { owner, swarm, role, networkKey, expiry } = invite;
  const network = networkKey.byteLength > 0 ? ', a private network whose key the invite brings' : '';
  return properties([
    ['owner', owner],
    ['invited by', `${issuer}\n${addresses.join('\n')}`],
    ['swarm', `${swarm}${network}`],
    ['joins as', JOINS_AS[role]],
    ['rights', RIGHTS[role]],
    ['names', `a namespace without an owner, such as default, is that owner's from now on`],
    ['kept in', directory],
    ['valid until', new Date(expiry).toISOString()],
  ]);
}
