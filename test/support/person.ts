import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { OWNER_KEY_VARIABLE, ownerKeyPath } from './owner.ts';
import { scratch } from './processes.ts';
import { type Finished, Shell } from './shell.ts';

/** Somebody at a terminal, with keys of their own. */
export class Person {
  readonly directory: string;
  readonly #shell: Shell;

  constructor(t: TestContext, { url }: { readonly url: string }) {
    this.directory = scratch(t);
    const env = {
      MAILLON_DATA: join(this.directory, 'data'),
      MAILLON_URL: url,
      HOME: this.directory,
      [OWNER_KEY_VARIABLE]: ownerKeyPath(),
    };
    this.#shell = new Shell({ env, cwd: this.directory });
    t.after(() => this.#shell.end());
  }

  /** Runs a command to its end, at the gateway. */
  run(...args: readonly string[]): Promise<Finished> {
    return this.#shell.run(args);
  }

  /** The command's `--json` output. Fails when it fails. */
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
