import { type Command, Option } from 'commander';
import { hasJoined } from '../core/place.ts';
import type { KeyOptions } from './key.ts';

/** Which key signs, here and not at the gateway. */
export interface SigningOptions extends KeyOptions {
  readonly chain?: string;
}

const GROUP = 'Signing:';

/** `keyHelp` says what `--key` changes. */
export function addSigningOptions(command: Command, keyHelp: string): Command {
  const options: [flags: string, help: string][] = [
    ['--key <name>', `${keyHelp} See maillon keys list.`],
    ['--chain <file>', 'What was granted to the key: the lines that maillon namespace grant printed.'],
    ['--data <dir>', 'Data directory with the keys. [MAILLON_DATA, default ./data]'],
    ['--config <file>', 'Configuration file. [MAILLON_CONFIG, default maillon.yaml if there]'],
    ['--passphrase-file <file>', 'It opens a sealed key. Mode 0600. [MAILLON_IDENTITY_PASSPHRASE_FILE]'],
  ];
  for (const [flags, help] of options) command.addOption(new Option(flags, help).helpGroup(GROUP));
  return command;
}

/** Whether the command is to sign itself, as one that has joined does; otherwise the gateway's node does. */
export function signsHere({ key, chain }: SigningOptions): boolean {
  return key !== undefined || chain !== undefined || hasJoined();
}
