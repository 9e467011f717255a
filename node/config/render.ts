import { describeDefault, describeValue } from './describe.ts';
import { flagOf, variableOf } from './names.ts';
import type { Setting } from './schema.ts';

const HEAD = `# Settings

Made from the tables of the node and its features by \`node scripts/settings-table.ts\`; a test holds the two together.

Flags win over variables, variables over \`maillon.yaml\`, the file over the defaults. In the file the dots are
sections: \`gateway.port\` is the key \`port\` of the section \`gateway\`. Lists are sequences in the file and take
commas elsewhere; a flag may be repeated. An empty variable counts as not said. Every unknown name is refused.
Sizes are written \`500MB\` or \`1GiB\` (kB, MB, GB, TB are powers of 1000, KiB, MiB, GiB, TiB of 1024), durations \`90s\`, \`30m\`,
\`24h\`, \`7d\` or \`1h30m\`; a plain number is in the unit of the setting's name, bytes or milliseconds.
\`--config FILE\` or \`MAILLON_CONFIG\` names another file, which must exist. \`MAILLON_URL\` is no setting: it tells
\`maillon pub\`, \`sub\`, \`status\`, \`peers\` and \`id\` which gateway to talk to. Without it they find the node that runs on
\`MAILLON_DATA\` or \`./data\` by its run file, and ask \`http://127.0.0.1:8080\` where none runs.

| setting | flag, variable | value | default | what it does |
|---|---|---|---|---|
`;

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** The table of settings, in Markdown. */
export function renderSettings(settings: readonly Setting[]): string {
  const rows = settings.map((setting) =>
    [
      `\`${setting.path}\``,
      `\`${flagOf(setting.path)}\` \`${variableOf(setting.path)}\``,
      cell(describeValue(setting)),
      `\`${describeDefault(setting)}\``,
      cell(setting.help),
    ].join(' | '),
  );
  return `${HEAD}${rows.map((row) => `| ${row} |\n`).join('')}`;
}
