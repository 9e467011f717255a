/**
 * README, followed by somebody who has read nothing else: every command of its shell blocks is run, in its order, on the machine
 * that it says. A command that the reader must complete has its completion below; any other must end with 0 as it stands.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OWNER_KEY_VARIABLE } from '../support/owner.ts';
import { cleanEnvironment, Program, scratch, until } from '../support/processes.ts';
import { ROOT } from '../support/sources.ts';

interface Step {
  readonly command: string;
  /** The comment behind the command on its line. */
  readonly comment: string;
}

function stepsOf(markdown: string): Step[] {
  const blocks = [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, body = '']) => body);
  const lines = blocks.flatMap((body) =>
    body.replaceAll(/(\\|\|)\n */g, (_, end) => (end === '|' ? '| ' : '')).split('\n'),
  );
  return lines.flatMap((line) => {
    const [, command = '', comment = ''] = /^(.*?)(?:\s+#\s(.*))?$/.exec(line.trim()) ?? [];
    return command === '' ? [] : [{ command, comment }];
  });
}

const PORTS = {
  MAILLON_GATEWAY_PORT: '0',
  MAILLON_ADMIN_PORT: '0',
  MAILLON_LISTEN_TCP: '0',
  MAILLON_LISTEN_WS: '0',
};

/** Machines joined and left a moment before: the errors of writes say so, and to try again. */
const SETTLING = /try again/;

/** A machine with a home of its own, on which `npm` and `npx maillon` mean this checkout. */
class Reader {
  readonly directory: string;
  readonly #t: TestContext;
  readonly #env: NodeJS.ProcessEnv;
  #running: Program | null = null;
  url = '';
  admin = '';

  constructor(t: TestContext) {
    this.#t = t;
    this.directory = scratch(t);
    const bin = join(this.directory, 'bin');
    mkdirSync(bin);
    // as npm does, but in one process: one that is killed leaves nobody behind
    const script = `node -p "require('./package.json').scripts['$name']"`;
    const npm = `[ "$1" = ci ] && exit 0
name=$1; shift; [ "$name" = run ] && { name=$1; shift; }; [ "$1" = -- ] && shift
cd '${ROOT}' && eval "$(${script})" '"$@"'`;
    const npx = `shift\nexec '${process.execPath}' '${join(ROOT, 'gateway/maillon.js')}' "$@"`;
    for (const [name, body] of Object.entries({ npm, npx })) {
      writeFileSync(join(bin, name), `#!/bin/bash\n${body}\n`);
      chmodSync(join(bin, name), 0o755);
    }
    this.#env = {
      ...cleanEnvironment(),
      // each reader has an owner of its own
      [OWNER_KEY_VARIABLE]: '',
      ...PORTS,
      HOME: this.directory,
      MAILLON_DATA: join(this.directory, 'data'),
      MAILLON_NETWORK_QUIC: 'false',
      PATH: [bin, dirname(process.execPath), process.env['PATH']].join(delimiter),
    };
  }

  begin(command: string, input = ''): Program {
    return new Program(this.#t, 'bash', ['-c', `exec ${command}`], {
      cwd: this.directory,
      env: this.#env,
      input,
    });
  }

  /** Runs a command to its end, again where it fails with `temporary`. */
  async run(command: string, temporary?: RegExp): Promise<string> {
    const program = await until(`${command} ends`, async () => {
      const one = new Program(this.#t, 'bash', ['-o', 'pipefail', '-c', command], {
        cwd: this.directory,
        env: this.#env,
      });
      return (await one.exit) !== 0 && temporary?.test(one.stderr) ? null : one;
    });
    const exit = await program.exit;
    assert.equal(exit, 0, `${command}\n${program.stdout}\n${program.stderr}`);
    return program.stdout;
  }

  async stop(): Promise<void> {
    await this.#running?.end('SIGINT');
    this.#running = null;
  }

  /** A node or a gateway that goes on: README has it in a terminal of its own. */
  async serve(command: string, input?: string): Promise<Program> {
    await this.stop();
    const program = this.begin(command, input);
    this.#running = program;
    this.url = await until(
      () => `${command} prints its URL: ${program.stdout}${program.stderr}`,
      () => /http:\/\/127\.0\.0\.1:\d+/.exec(program.stdout)?.[0],
    );
    const { admin } = JSON.parse(readFileSync(join(this.directory, 'data/run.json'), 'utf8'));
    this.admin = admin;
    return program;
  }
}

test('every command of README does what it says', async (t) => {
  const steps = stepsOf(readFileSync(join(ROOT, 'README.md'), 'utf8'));
  assert.ok(steps.length > 40, `${steps.length} commands`);
  const [first, second, third, fourth] = [new Reader(t), new Reader(t), new Reader(t), new Reader(t)];
  writeFileSync(join(first.directory, 'film.mkv'), Buffer.alloc(300_000, 'film'));
  let invite = '';
  let bootstrap = '';
  let heard: Program | null = null;

  /** Replaces what README cannot know, as the reader would. */
  const complete = async (command: string): Promise<string> => {
    let text = command
      .replaceAll('http://127.0.0.1:8080', first.url)
      .replaceAll('https://gateway.example', first.url)
      .replaceAll('http://127.0.0.1:9464', first.admin)
      .replaceAll('/var/backups/maillon', join(first.directory, 'backups'));
    if (text.includes('did:key:…')) {
      const { keys } = JSON.parse(await first.run('npx maillon keys list --json')) as {
        readonly keys: readonly { readonly name: string; readonly did: string }[];
      };
      text = text.replaceAll('did:key:…', keys.find(({ name }) => name === 'bob')?.did ?? '');
    }
    if (text.includes('12D3Koo…')) {
      const { peerId } = JSON.parse(readFileSync(join(second.directory, 'data/run.json'), 'utf8'));
      text = text.replaceAll('12D3Koo…', peerId);
    }
    return text.replaceAll(/--bootstrap \S+/g, bootstrap);
  };

  const act = async ({ command, comment }: Step): Promise<void> => {
    if (command === 'npm ci && npm start') return void (await first.serve('npm start'));
    // this very test is a part of it
    if (command === 'npm ci && npm test') return;
    const text = await complete(command);
    const reader = comment.includes('on the second') ? second : first;
    if (text.startsWith('curl -N ') || text.startsWith('npx maillon sub ')) {
      heard = reader.begin(text);
      return;
    }
    if (/^(curl .*pubsub\/publish|npx maillon pub )/.test(text)) {
      const listener = heard;
      await until(`${text} is heard`, async () => {
        await reader.run(text);
        return /aGVsbG8=|hello/.test(listener?.stdout ?? '');
      });
      return;
    }
    if (command.endsWith('--join -')) return void (await second.serve(`${text} --yes`, `${invite}\n`));
    if (command.includes('--bootstrap /')) {
      return void (await (command.includes(' gateway ') ? fourth : third).serve(text));
    }
    if (command.endsWith('--bootstrap-peer')) {
      const node = await first.serve(text);
      const addresses = await until('it prints its addresses', () => /^\/ip4\S+$/m.exec(node.stdout)?.[0]);
      bootstrap = `--bootstrap ${addresses}`;
      return;
    }
    if (command.startsWith('npm run swarm')) {
      const swarm = third.begin(text);
      const ready = JSON.parse(
        await until('the swarm is up', () => /^\{"ready".*$/m.exec(swarm.stdout)?.[0]),
      );
      assert.deepEqual([ready.nodes.length, ready.gateways.length], [5, 2]);
      await swarm.end('SIGINT');
      return;
    }
    // the machine of a node that is restored elsewhere is lost
    if (command.startsWith('npx maillon restore ')) await first.stop();
    const said = await reader.run(text, SETTLING);
    if (command === 'npx maillon invite') invite = said.trim().split('\n').at(-1) ?? '';
    if (command.startsWith('npx maillon get greeting')) assert.equal(said.trim(), 'hello');
  };
  for (const step of steps) {
    let isDone = false;
    await t.test(step.command, async () => {
      await act(step);
      isDone = true;
    });
    if (!isDone) return;
  }
});
