import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeStatus } from '../../node/index.ts';
import type { Host } from './namespaces.ts';
import { OWNER_KEY_VARIABLE } from './owner.ts';
import { type Cleanup, maillon, Program, type RunOptions, scratch } from './processes.ts';
import { Shell } from './shell.ts';

/** A node that answers. */
export interface Running {
  readonly program: Program;
  readonly url: string;
  readonly admin: string;
  readonly peerId: string;
  /** Swarm port for TCP. */
  readonly port: number;
}

export interface StartOptions {
  /** Standard input. */
  readonly input?: string;
  /** How far the clock of the process is ahead. */
  readonly aheadMs?: number;
  readonly command?: 'node' | 'gateway';
}

export interface Said {
  readonly exit: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MachineInit {
  /** Where it has the usual ports, in a network of namespaces; on loopback, with free ones, unless given. */
  readonly host?: Host | null;
  /** HOME of another machine of the same owner, with the owner's key; another than everybody else's unless given. */
  readonly home?: string;
  /** For every start. */
  readonly flags?: readonly string[];
}

const CLOCK = new URL('clock-shift.ts', import.meta.url);
/** Runs where the machine is: its loopback is nobody else's. */
const FETCH = `
const [url, ...paths] = process.argv.slice(1);
const answers = paths.map(async (path) => {
  const answer = await fetch(url + path);
  return { status: answer.status, text: await answer.text() };
});
console.log(JSON.stringify(await Promise.all(answers)));`;
const PORTS = ['--listen-ws', '0', '--gateway-port', '0', '--admin-port', '0', '--no-network-quic'];

/** Somebody's machine: a HOME with an owner's key of its own, and a data directory, apart from every other. */
export class Machine {
  readonly home: string;
  readonly data: string;
  readonly #t: Cleanup;
  readonly #host: Host | null;
  readonly #flags: readonly string[];
  #running: Running | null = null;
  #shell: Shell | null = null;

  constructor(t: Cleanup, { host = null, home, flags = [] }: MachineInit = {}) {
    this.#t = t;
    this.#host = host;
    this.#flags = flags;
    this.home = home ?? scratch(t);
    this.data = join(home === undefined ? this.home : scratch(t), 'data');
    mkdirSync(this.data, { mode: 0o700 });
  }

  get running(): Running {
    assert.ok(this.#running, 'it runs');
    return this.#running;
  }

  /** Starts a node or a gateway, and waits until it is ready. On the port that it had before, if it had one. */
  async start(args: readonly string[] = [], options: StartOptions = {}): Promise<Running> {
    const program = this.spawn(args, options);
    const ready = JSON.parse(await program.firstLine()) as {
      url: string;
      admin: string;
      peerId: string;
      multiaddrs: string[];
    };
    const port = Number(/\/tcp\/(\d+)/.exec(ready.multiaddrs.join())?.[1] ?? 0);
    this.#running = { program, port, url: ready.url, admin: ready.admin, peerId: ready.peerId };
    return this.#running;
  }

  /** The same without waiting for it. */
  spawn(args: readonly string[], { input, aheadMs = 0, command = 'node' }: StartOptions = {}): Program {
    return this.#maillon([command, '--json', ...this.#ports(), ...this.#flags, ...args], {
      env: { ...this.#environment(), ...clockEnvironment(aheadMs) },
      ...(input === undefined ? {} : { input }),
    });
  }

  /** Runs a command to its end: in the shell of this machine, or where it reads `input` in another process. */
  async run(args: readonly string[], input?: string): Promise<Said> {
    if (input === undefined) return this.#openShell().run(args);
    return saidOf(this.#maillon(args, { env: this.#environment(), input }));
  }

  /** A command's output with `--json`. Fails when it fails. */
  // oxlint-disable-next-line typescript/no-explicit-any -- every command has another shape; the test looks at it
  async ask(...args: readonly string[]): Promise<any> {
    const { exit, stdout, stderr } = await this.run([...args, '--json']);
    assert.equal(exit, 0, `${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** A command that listens: it goes on. */
  listen(...args: readonly string[]): Program {
    return this.#maillon(args, { env: this.#environment() });
  }

  /** The gateway's answers to GET of these paths, requested from this machine by one process. */
  async fetch(
    paths: readonly string[],
  ): Promise<readonly { readonly status: number; readonly text: string }[]> {
    const args = ['--input-type=module', '--eval', FETCH, '--', this.running.url, ...paths];
    const node = [process.execPath, args] as const;
    const program = this.#host?.start(this.#t, ...node) ?? new Program(this.#t, ...node);
    assert.equal(await program.exit, 0, program.stderr);
    return JSON.parse(program.stdout);
  }

  async status(): Promise<NodeStatus> {
    return (await this.ask('status')).node;
  }

  #openShell(): Shell {
    if (this.#shell !== null) return this.#shell;
    const shell = new Shell({ env: this.#environment(), host: this.#host });
    this.#shell = shell;
    this.#t.after(() => shell.end());
    return shell;
  }

  #maillon(args: readonly string[], options: RunOptions): Program {
    return this.#host?.maillon(this.#t, args, options) ?? maillon(this.#t, args, options);
  }

  #ports(): readonly string[] {
    if (this.#host !== null) return [];
    return ['--listen-host', '127.0.0.1', '--listen-tcp', String(this.#running?.port ?? 0), ...PORTS];
  }

  #environment(): NodeJS.ProcessEnv {
    // the key of the test run would make every machine the same owner's
    return { HOME: this.home, MAILLON_DATA: this.data, [OWNER_KEY_VARIABLE]: '' };
  }
}

function clockEnvironment(aheadMs: number): NodeJS.ProcessEnv {
  if (aheadMs === 0) return {};
  return { NODE_OPTIONS: `--import ${CLOCK.href}`, CLOCK_AHEAD_MS: String(aheadMs) };
}

/** The code of the error that a command ended with. */
export function codeOf({ exit, stderr, stdout }: Said): string {
  assert.notEqual(exit, 0, `it went well: ${stdout}`);
  const line = stderr.trim().split('\n').at(-1) ?? '';
  return (JSON.parse(line) as { code: string }).code;
}

/** How a program ended that was to fail. */
export async function saidOf(program: Program): Promise<Said> {
  const exit = await program.exit;
  return { exit, stdout: program.stdout, stderr: program.stderr };
}
