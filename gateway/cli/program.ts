import { Command } from 'commander';
import { GATEWAY_FEATURES } from '../features.ts';
import { addAudit } from './audit.ts';
import { addBackup } from './backup.ts';
import { addConnect } from './connect.ts';
import { readBuild } from './core/build.ts';
import type { AddCommand, CommandContext } from './core/command.ts';
import { reportError } from './core/errors.ts';
import { addDel } from './del.ts';
import { addFeatures } from './features.ts';
import { addGateway } from './gateway.ts';
import { addGet } from './get.ts';
import { addHealth } from './health.ts';
import { addId, addPeerId } from './id.ts';
import { addInvite } from './invite.ts';
import { addJoin } from './join.ts';
import { addKeys } from './keys.ts';
import { addList } from './list.ts';
import { addLogin } from './login.ts';
import { addLogout } from './logout.ts';
import { addMembers, addRevoke } from './members.ts';
import { addNamespaceCommand } from './namespace.ts';
import { addNode } from './node.ts';
import { addNodes } from './nodes.ts';
import { addPeers } from './peers.ts';
import { addPub } from './pub.ts';
import { addPubsub } from './pubsub.ts';
import { addPut } from './put.ts';
import { addRestore } from './restore.ts';
import { addStat } from './stat.ts';
import { addStatus } from './status.ts';
import { addStorage } from './storage.ts';
import { addSub } from './sub.ts';
import { addSwarm } from './swarm.ts';
import { addUsage } from './usage.ts';
import { addVersion } from './version.ts';
import { addWhoami } from './whoami.ts';

const COMMANDS: readonly AddCommand[] = [
  addNode,
  addGateway,
  addSwarm,
  addInvite,
  addJoin,
  addMembers,
  addRevoke,
  addPub,
  addSub,
  addPut,
  addGet,
  addDel,
  addList,
  addStat,
  addStorage,
  addPubsub,
  addStatus,
  addHealth,
  addPeers,
  addNodes,
  addId,
  addPeerId,
  addConnect,
  addLogin,
  addWhoami,
  addLogout,
  addKeys,
  addNamespaceCommand,
  addUsage,
  addAudit,
  addFeatures,
  addBackup,
  addRestore,
  addVersion,
];

const HELP_WIDTH_MAX = 110;

/** Runs one command line and resolves to its exit code. Every failure becomes one line of text. */
export async function runProgram(args: readonly string[]): Promise<number> {
  let code = 0;
  const program = await createProgram({
    exit: (exitCode) => {
      code = exitCode;
    },
    mayMean: (name) => args.includes(name),
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
    const command = program.commands.find((candidate) => candidate.name() === own[0])?.name();
    return reportError(error, {
      json: own.includes('--json'),
      ...(command === undefined ? {} : { command }),
    });
  }
}

/** The whole command line. A command's code is loaded only when it is used. */
export async function createProgram(context: CommandContext): Promise<Command> {
  const program = new Command('maillon')
    .description('A peer-to-peer network for messages and data, with a gateway for HTTP and WebSocket.')
    .version(readBuild().version, '-V, --version', 'Print the version.')
    .helpOption('-h, --help', 'Show this help.')
    .helpCommand('help [command]', 'Show help for a command.')
    .configureHelp({ helpWidth: Math.min(process.stdout.columns ?? HELP_WIDTH_MAX, HELP_WIDTH_MAX) })
    // Errors are reported by runProgram, in one line each.
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    .addHelpText(
      'after',
      `
Start:
  $ maillon node                          a node with a gateway on http://127.0.0.1:8080
  $ maillon sub news                      in a second terminal
  $ maillon pub news "hello"              in a third
  $ maillon put greeting "hello"          keeps it; maillon get greeting prints it
  $ maillon invite                        one line for a second machine: maillon node --join -

Exit codes: 0 done, 1 failed, 2 not understood (a flag, an argument or a setting is wrong).
Each command explains itself: maillon <command> --help`,
    );
  const ofFeatures = GATEWAY_FEATURES.flatMap(({ commands = [] }) => commands);
  for (const add of [...COMMANDS, ...ofFeatures]) await add(program, context);
  return program;
}
