/** Actions of the commands about an owner's machines: they ask the admin listener of a node. */

import type { MadeInvite, Member, MembersView, OpenInvite, RevokedView } from '../../node/index.ts';
import { parseDuration, roundDuration } from '../../protocols/common/quantities.ts';
import type { MemberRole } from '../../protocols/join/index.ts';
import { UsageError } from './core/errors.ts';
import { type Cell, note, say, sayJson, table } from './core/terminal.ts';
import { ask, type OperatorOptions } from './storage/operator.ts';

export interface InviteOptions extends OperatorOptions {
  readonly role: MemberRole;
  readonly expires: string;
  readonly to?: string;
}

const JSON_TYPE = 'application/json';
const HOW_TO_JOIN: Readonly<Record<MemberRole, string>> = {
  node: 'maillon node --join -',
  gateway: 'maillon gateway --join -',
  member: 'maillon join -',
};
const LOOPBACK = /^\/(ip4\/127\.|ip6\/::1\/)/;

/** Prints the invite alone on standard output, so that it can be piped; everything else is said beside it. */
export async function invite(options: InviteOptions, signal: AbortSignal): Promise<void> {
  const lifetimeMs = parseDuration(options.expires, { plainMs: 1000 });
  if (lifetimeMs === null) throw new UsageError('--expires must be a duration like 30m, 1h, 7d');
  const { role, to } = options;
  const body = JSON.stringify({ role, lifetimeMs, ...(to === undefined ? {} : { to }) });
  const made = (await (
    await ask(options, { path: '/v1/members/invites', body, type: JSON_TYPE, signal })
  ).json()) as MadeInvite;
  if (options.json) return sayJson(made);
  say(made.invite);
  note(describeInvite(made, to, Date.now()));
}

function describeInvite(
  { id, role, swarm, expiresAt, addresses, hasNetworkKey }: MadeInvite,
  to: string | undefined,
  now: number,
): string {
  const until = `${new Date(expiresAt).toISOString()} (${roundDuration(expiresAt - now)})`;
  const right = `as ${role}, in the swarm ${swarm}, until ${until}`;
  const lines =
    to === undefined
      ? [
          `The line above is a secret: whoever has it can join once, ${right}.`,
          `On the other machine run: ${HOW_TO_JOIN[role]}   and paste it, or pipe it in.`,
          `Undo it with: maillon revoke ${id}`,
        ]
      : [
          `With the line above only the machine ${to} can join, ${right}.`,
          `There run: ${HOW_TO_JOIN[role]}   and paste it, or pipe it in.`,
          `Undo it with: maillon revoke ${id}   which revokes that machine for ever.`,
        ];
  if (hasNetworkKey) lines.push('It holds the key of this private network: keep it secret.');
  if (addresses.every((address) => LOOPBACK.test(address))) {
    lines.push('It works on this machine only: the node listens on loopback (listen.host).');
  }
  return lines.join('\n');
}

export async function members(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const view = (await (
    await ask(options, { path: '/v1/members', type: JSON_TYPE, signal })
  ).json()) as MembersView;
  if (options.json) return sayJson(view);
  const now = Date.now();
  say(`owner ${view.owner}; its key is at this node, ${view.peerId}`);
  if (view.members.length > 0) say(`\n${memberTable(view.members, now)}`);
  if (view.invites.length > 0) say(`\n${inviteTable(view.invites, now)}`);
  if (view.members.length + view.invites.length === 0) note('no other machine has joined: maillon invite');
}

function memberTable(list: readonly Member[], now: number): string {
  return table(
    ['ROLE', 'NAME', 'SEEN', 'JOINED', 'DELEGATED', 'PEER ID'],
    list.map((one) => [
      one.role,
      one.name || '-',
      seen(one, now),
      `${roundDuration(now - one.joinedAt)} ago`,
      delegated(one, now),
      one.peerId,
    ]),
  );
}

/** A command line has no node that could be connected. */
function seen({ role, isConnected, lastSeen }: Member, now: number): Cell {
  if (role === 'member') return '-';
  if (isConnected) return { text: 'now', style: 'green' };
  return lastSeen === 0 ? 'not lately' : `${roundDuration(now - lastSeen)} ago`;
}

function delegated({ isRevoked, endsAt }: Member, now: number): Cell {
  if (isRevoked) return { text: 'revoked', style: 'red' };
  if (endsAt <= now) return { text: 'ended', style: 'red' };
  return `for ${roundDuration(endsAt - now)}`;
}

function inviteTable(list: readonly OpenInvite[], now: number): string {
  return table(
    ['OPEN INVITE', 'ROLE', 'MADE', 'EXPIRES'],
    list.map(({ id, role, createdAt, expiresAt }) => [
      id,
      role,
      `${roundDuration(now - createdAt)} ago`,
      `in ${roundDuration(expiresAt - now)}`,
    ]),
  );
}

export async function revoke(target: string, options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({ target });
  const revoked = (await (
    await ask(options, { path: '/v1/members/revoke', body, type: JSON_TYPE, signal })
  ).json()) as RevokedView;
  if (options.json) return sayJson(revoked);
  say(
    revoked.kind === 'invite'
      ? `revoked the invite ${revoked.id}: nobody can join with it any more`
      : `revoked the machine ${revoked.id} for ever: no node takes what it signs from now on, nor counts its copies`,
  );
  const left = whatIsLeft(revoked);
  if (left !== null) note(left);
}

/** Says which rights the revoked machine still has: everybody in a swarm reads everything. Null where it has none. */
function whatIsLeft({ kind, knowsNetworkKey }: RevokedView): string | null {
  const reads = 'connect, hear every topic and read every record of the swarm';
  const change = 'put a new key into network.keyFile of every other node';
  if (kind === 'invite') {
    return knowsNetworkKey
      ? `The invite holds the key of this private network: somebody who saw it can ${reads}; if it was seen, ${change}.`
      : null;
  }
  return knowsNetworkKey
    ? `The machine knows the key of this private network, and can still ${reads}: ${change}. To deny its peer id (connections.deny) is not enough: it can make another one.`
    : `The machine can still ${reads}, as any peer can: encrypt what is confidential. connections.deny refuses its peer id, and it can make another one; only a private network (network.keyFile) keeps machines out.`;
}
