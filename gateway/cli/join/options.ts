import { type Command, Option } from 'commander';

/** Where an invite is, and whether it is asked before it is used. */
export interface JoinOptions {
  /** The invite, or - for standard input. */
  readonly join?: string;
  readonly joinFile?: string;
  readonly yes?: boolean;
}

/** Options of `maillon join` alone. */
export interface JoinCommandOptions {
  readonly data?: string;
  readonly config?: string;
  readonly json?: boolean;
}

const GROUP = 'Joining:';

export function addJoinOptions(command: Command, { isArgument = false } = {}): Command {
  const join = new Option(
    '--join <invite>',
    'Join with the line that maillon invite printed; - reads it from standard input. Later starts need it no more.',
  );
  const options = [
    ...(isArgument ? [] : [join]),
    new Option('--join-file <file>', 'File with the invite. [MAILLON_JOIN_FILE]').env('MAILLON_JOIN_FILE'),
    new Option('--yes', 'Join without being asked, as scripts do.'),
  ];
  for (const option of options) command.addOption(option.helpGroup(GROUP));
  return command;
}
