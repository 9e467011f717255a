import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../../../../gateway/cli/program.ts';

/** Every command and the commands of commands, by what one types. */
function commandsOf(parent: Command, path = ''): [string, Command][] {
  return parent.commands.flatMap((command): [string, Command][] => {
    const name = `${path} ${command.name()}`.trim();
    return [[name, command], ...commandsOf(command, name)];
  });
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part) });
  command.outputHelp();
  return text;
}

test('every command explains itself: a summary, examples of itself, and --json', async () => {
  const program = await createProgram({ exit: () => undefined, mayMean: () => true });
  const commands = commandsOf(program);
  assert.ok(commands.length > 30);
  for (const [name, command] of commands) {
    assert.notEqual(command.summary(), '', name);
    const help = helpOf(command);
    assert.match(help, /Examples:\n(.*\n)*? {2}\$ .*maillon/, name);
    assert.ok(help.includes(`maillon ${name}`) || /npm start|npm run/.test(help), `${name} shows itself`);
    assert.match(help, /--json/, name);
    if (help.includes('--key <name>') && help.includes('Signing:'))
      assert.match(help, /--chain <file>/, name);
  }
  const [, node] = commands.find(([name]) => name === 'node') ?? assert.fail('there is no node');
  assert.match(
    helpOf(node).replaceAll(/\s+/g, ' '),
    /--gateway-port <number> .*\[MAILLON_GATEWAY_PORT, default 8080\]/,
  );
});
