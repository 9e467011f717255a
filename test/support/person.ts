import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { OWNER_KEY_VARIABLE, ownerKeyPath } from './owner.ts';
import { maillon, scratch } from './processes.ts';

const COMPILED = mkdtempSync(join(tmpdir(), 'maillon-compiled-'));
process.once('exit', () => rmSync(COMPILED, { recursive: true, force: true }));

/** Somebody at a terminal, with keys of their own. */
export class Person {
  readonly directory: string;
  readonly #t: TestContext;
  readonly #url: string;

  constructor(t: TestContext, { url }: { readonly url: string }) {
    this.#t = t;
    this.#url = url;
    this.directory = scratch(t);
  }

  /** Runs a command to its end, at the gateway. */
  async run(...args: readonly string[]) {
    const env = {
      MAILLON_DATA: join(this.directory, 'data'),
      MAILLON_URL: this.#url,
      // many are run: what the first compiled serves the others
      NODE_COMPILE_CACHE: COMPILED,
      [OWNER_KEY_VARIABLE]: ownerKeyPath(),
    };
    const program = maillon(this.#t, args, { env, cwd: this.directory });
    const exit = await program.exit;
    return { exit, stdout: program.stdout, stderr: program.stderr };
  }

  /** What it says with `--json`. Fails when it fails. */
  // oxlint-disable-next-line typescript/no-explicit-any -- every command has another shape; the test looks at it
  async ask(...args: readonly string[]): Promise<any> {
    const { exit, stdout, stderr } = await this.run(...args, '--json');
    assert.equal(exit, 0, `${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** The code of the error with which it fails. */
  async refused(...args: readonly string[]): Promise<string> {
    const { exit, stdout, stderr } = await this.run(...args, '--json');
    assert.notEqual(exit, 0, `${args.join(' ')} said ${stdout}`);
    return JSON.parse(stderr).code;
  }

  /** Makes a key, and gives its DID. */
  async key(name: string): Promise<string> {
    return (await this.ask('keys', 'new', name)).did;
  }

  /** A file with what a grant printed. */
  file(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }
}
