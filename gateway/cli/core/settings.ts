import { type Command, Option } from 'commander';
import { describeDefault, flagOf, kindOf, SETTINGS, type Setting, variableOf } from '../../../node/index.ts';

/** Help headings, by the first part of a setting's path. */
const GROUPS: Readonly<Record<string, string>> = {
  identity: 'Identity:',
  listen: 'Swarm addresses:',
  connections: 'Connections:',
  network: 'Networks:',
  circuit: 'Relaying for others:',
  directory: 'Directory:',
  gossip: 'Gossip mesh:',
  relay: 'Relay:',
  gateway: 'Gateway:',
  admin: 'Admin listener:',
  log: 'Log:',
};
const MAIN_GROUP = 'Node:';

const PLACEHOLDERS = {
  boolean: '[true|false]',
  number: '<number>',
  size: '<size>',
  duration: '<duration>',
  list: '<a,b>',
  text: '<text>',
} as const;

/** Adds every setting to `command` as a flag that shows its variable and its default. */
export function addSettings(command: Command, defaults: Readonly<Record<string, string>> = {}): void {
  command.addOption(
    new Option(
      '--config <file>',
      'Configuration file. [MAILLON_CONFIG, default maillon.yaml if there]',
    ).helpGroup(MAIN_GROUP),
  );
  for (const setting of SETTINGS)
    for (const option of optionsOf(setting, defaults)) command.addOption(option);
}

function optionsOf(setting: Setting, defaults: Readonly<Record<string, string>>): Option[] {
  const kind = kindOf(setting);
  const flag = flagOf(setting.path);
  const group = GROUPS[setting.path.split('.', 1)[0] ?? ''] ?? MAIN_GROUP;
  const standard = defaults[setting.path] ?? describeDefault(setting);
  const note = `${setting.help} [${variableOf(setting.path)}, default ${standard}]`;

  const option = new Option(`${flag} ${PLACEHOLDERS[kind]}`, note).helpGroup(group);
  if (kind === 'list') option.argParser<string[] | undefined>((value, before) => [...(before ?? []), value]);
  if (kind !== 'boolean') return [option];
  // Help shows the form that changes something; both are understood.
  const negated = new Option(flag.replace('--', '--no-'), `Switch off: ${note}`).helpGroup(group);
  return [option.hideHelp(setting.default === true), negated.hideHelp(setting.default !== true)];
}

/** The settings said as flags, by dotted path, for `loadConfig`. */
export function saidSettings(command: Command): Record<string, unknown> {
  const said: Record<string, unknown> = {};
  for (const { path } of SETTINGS) {
    const attribute = new Option(flagOf(path)).attributeName();
    if (command.getOptionValueSource(attribute) === 'cli') said[path] = command.getOptionValue(attribute);
  }
  return said;
}
