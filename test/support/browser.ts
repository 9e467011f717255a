/** Pages in a real browser, which has the sources as they are: types are stripped on the way, nothing is bundled. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readFileSync, realpathSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Cleanup, scratch } from './processes.ts';
import { ROOT } from './sources.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const PACKAGES = realpathSync(join(ROOT, 'node_modules'));
const PATIENCE_MS = 60_000;

/** The browser of this machine; null where there is none. */
export function findBrowser(): string | null {
  const paths = (process.env['PATH'] ?? '').split(delimiter);
  return paths.flatMap((path) => NAMES.map((name) => join(path, name))).find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Page {
  /** Statements of a module; what they `return` comes back, as JSON. `data` is what was given. */
  readonly script: string;
  readonly data: unknown;
  /** Where the page's own site passes `/v1/` on to, as a proxy in front of page and gateway would. */
  readonly gateway: string;
}

/** Result of a page's script in a fresh browser. */
export async function runPage(t: Cleanup, browser: string, page: Page): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const server = createServer((asked, answer) => {
    serve(asked, answer, page, resolve).catch((error: unknown) => {
      resolve({ error: String(error) });
      answer.writeHead(500).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://localhost:${(server.address() as AddressInfo).port}/`;
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-extensions'];
  const directory = `--user-data-dir=${scratch(t)}`;
  const child = spawn(browser, [...flags, directory, url], {
    stdio: 'ignore',
    detached: true,
  });
  const timer = setTimeout(() => resolve({ error: 'the page said nothing in time' }), PATIENCE_MS);
  const outcome = await promise;
  clearTimeout(timer);
  const exited = once(child, 'exit');
  // it has children of its own
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  await exited;
  if ('error' in outcome) throw new Error(outcome.error);
  return outcome.value;
}

type Outcome = { readonly value: unknown } | { readonly error: string };

async function serve(
  asked: IncomingMessage,
  answer: ServerResponse,
  page: Page,
  end: (outcome: Outcome) => void,
): Promise<void> {
  const path = new URL(asked.url ?? '/', 'http://localhost').pathname;
  if (path === '/end') {
    end(JSON.parse((await buffer(asked)).toString()) as Outcome);
    answer.end();
  } else if (path.startsWith('/v1/')) {
    const { method = 'GET', headers } = asked;
    const onward = request(page.gateway + asked.url, { method, headers }, (got) => {
      answer.writeHead(got.statusCode ?? 500, got.headers);
      got.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    asked.pipe(onward);
  } else if (path.startsWith('/src/') || path.startsWith('/npm/')) {
    const file = join(path.startsWith('/src/') ? ROOT : PACKAGES, path.slice('/src/'.length));
    answer.setHeader('content-type', 'text/javascript; charset=utf-8');
    answer.end(sourceOf(file));
  } else if (path === '/') {
    answer.setHeader('content-type', 'text/html; charset=utf-8');
    answer.end(html(page));
  } else answer.writeHead(404).end();
}

function html({ script, data }: Page): string {
  const map = JSON.stringify({ imports: importMap('gateway/client/index.ts') });
  const safe = JSON.stringify(data).replaceAll('<', '\\u003c');
  return `<!doctype html>
<script type="importmap">${map}</script>
<script type="module">
const end = (outcome) => fetch('/end', { method: 'POST', body: JSON.stringify(outcome) });
const run = async (data) => {
${script}
};
run(${safe}).then((value) => end({ value: value ?? null }), (error) => end({ error: String(error?.stack ?? error) }));
</script>`;
}

const IMPORTED = /\b(?:from|import)\s*['"]([^'"]+)['"]/g;

/** Where the packages are that a source needs, and those that they need. */
function importMap(entry: string): Record<string, string> {
  const map: Record<string, string> = {};
  const seen = new Set<string>();
  const follow = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const [, specifier = ''] of sourceOf(path).matchAll(IMPORTED)) {
      if (specifier.startsWith('.')) follow(join(dirname(path), specifier));
      else {
        const found = fileURLToPath(import.meta.resolve(specifier));
        map[specifier] = `/npm${found.slice(PACKAGES.length)}`;
        follow(found);
      }
    }
  };
  follow(join(ROOT, entry));
  return map;
}

function sourceOf(path: string): string {
  const text = readFileSync(path, 'utf8');
  return path.endsWith('.ts') ? stripTypeScriptTypes(text) : text;
}
