/** Joins with an invite: what it needs comes with the whole node, so this is loaded when it is meant. */
import { multiaddr } from '@multiformats/multiaddr';
import {
  type Config,
  checkUnclaimed,
  createCrypto,
  createLogger,
  endOfMembership,
  holdsOwnerKey,
  joinWithInvite,
  loadConfig,
  loadIdentity,
  loadOwnerIdentity,
  type Membership,
  passphraseFrom,
  peerOfKey,
  readMembership,
  userDirectory,
} from '../../../node/index.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { type Invite, type MemberRole, parseInvite } from '../../../protocols/join/index.ts';
import { readBuild } from '../core/build.ts';
import { UsageError } from '../core/errors.ts';
import { note, say, sayJson } from '../core/terminal.ts';
import { confirmJoin } from './confirm.ts';
import { readInviteText } from './invite-text.ts';
import type { JoinCommandOptions, JoinOptions } from './options.ts';

const COMMANDS: Readonly<Record<MemberRole, string>> = {
  node: 'maillon node --join',
  gateway: 'maillon gateway --join',
  member: 'maillon join',
};

/** Joins as a node or a gateway before it starts, where an invite is named. One that was used here already is done with. */
export async function joinAsService(
  role: 'node' | 'gateway',
  options: JoinOptions,
  config: Config,
): Promise<void> {
  const text = await readInviteText(options);
  if (text === null) return;
  const invite = readInvite(text, role);
  if (config.explicit.has('identity.ownerKey')) {
    const message =
      'identity.ownerKey names the key of an owner, and the invite brings another owner: leave it out';
    throw new UsageError(message);
  }
  if (holdsOwnerKey(invite.owner, config)) {
    const message = `this user holds the key of ${invite.owner} already, and needs no invite: start with --bootstrap and an address of the other node`;
    throw new CodedError('own_invite', message);
  }
  const directory = config.data;
  if (hasJoined(directory, invite)) {
    note(`${directory} has joined already: --join is not needed any more`);
    return;
  }
  const passphrases = passphraseFrom({ file: config['identity.passphraseFile'], ask: options.join !== '-' });
  const identity = () => loadIdentity(directory, passphrases);
  const membership = await join(invite, { options, config, directory, identity });
  note(`joined ${membership.owner}: later starts on ${directory} need no --join`);
}

/** Joins with the user's own key. */
export async function joinCommandLine(options: JoinOptions & JoinCommandOptions): Promise<void> {
  const text = await readInviteText(options);
  if (text === null) throw new UsageError('name the invite, or - to read it from standard input');
  const invite = readInvite(text, 'member');
  const flags = { data: options.data };
  const config = loadConfig({ flags, env: process.env, cwd: process.cwd(), file: options.config });
  const directory = userDirectory();
  if (holdsOwnerKey(invite.owner, config)) {
    throw new CodedError(
      'own_invite',
      `this user holds the key of ${invite.owner} already, and needs no invite`,
    );
  }
  const passphrases = passphraseFrom({ file: config['identity.passphraseFile'], ask: options.join !== '-' });
  const owner = { path: config['identity.ownerKey'], data: config.data, passphrases };
  const logger = createLogger(config);
  const identity = () => loadOwnerIdentity({ logger }, owner);
  const membership =
    hasJoined(directory, invite) && readMembership(directory) !== null
      ? (readMembership(directory) as Membership)
      : await join(invite, { options, config, directory, identity });
  const { owner: did, swarm } = membership;
  if (options.json)
    return sayJson({ owner: did, swarm, role: membership.role, endsAt: endOfMembership(membership) });
  say(`joined ${did} in the swarm ${swarm}`);
  note('Publish with: maillon pub news "hello" --url URL, where URL is a gateway of that swarm');
}

interface JoinPlan {
  readonly options: JoinOptions;
  readonly config: Config;
  readonly directory: string;
  readonly identity: Parameters<typeof joinWithInvite>[1]['identity'];
}

async function join(invite: Invite, { options, config, directory, identity }: JoinPlan): Promise<Membership> {
  // before anybody is asked for something that cannot be done
  checkUnclaimed(directory, invite);
  await confirmJoin({
    invite,
    issuer: peerOfKey(invite.issuer),
    addresses: invite.addresses.map((bytes) => multiaddr(bytes).toString()),
    directory,
    isYes: options.yes === true,
  });
  const logger = createLogger(config);
  const { version } = readBuild();
  return joinWithInvite({ logger }, { invite, config, directory, version, identity });
}

function readInvite(text: string, role: MemberRole): Invite {
  const invite = parseInvite(text, createCrypto());
  if (invite.role === role) return invite;
  throw new UsageError(`the invite is for a ${invite.role}: use it with ${COMMANDS[invite.role]}`);
}

/** Whether the invite was used on this directory, and what it granted has not ended. */
function hasJoined(directory: string, { owner, swarm, issuer }: Invite): boolean {
  const membership = readMembership(directory);
  if (membership === null || membership.owner !== owner || membership.swarm !== swarm) return false;
  const endsAt = endOfMembership(membership);
  return Buffer.from(membership.issuer).equals(issuer) && (endsAt === null || endsAt > Date.now());
}
