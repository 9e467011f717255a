/**
 * Adds to package-lock.json the optional packages of other platforms that the registry at hand did not list:
 * `npm ci` refuses a lock file without them. Run after `npm install`: `node scripts/complete-lock.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Entry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

const SYSTEMS = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'aix',
  'win32',
];
const PROCESSORS = ['arm64', 'arm', 'x64', 'ia32', 'riscv64', 's390x', 'ppc64', 'mips64el', 'loong64'];

/** Says in package names what npm calls otherwise. */
const ALIASES: Readonly<Record<string, string>> = { win: 'win32', windows: 'win32' };

/** The lock entry of a package of another platform, which its name tells. `dev` is whether only development needs it. */
function entryOf(name: string, version: string, dev: boolean): Entry | null {
  const words = name.split(/[^a-z0-9]+/).map((word) => ALIASES[word] ?? word);
  const os = SYSTEMS.filter((system) => words.includes(system));
  const cpu = PROCESSORS.filter((processor) => words.includes(processor));
  if (os.length === 0) return null;
  return {
    version,
    ...(cpu.length === 0 ? {} : { cpu }),
    ...(dev ? { dev } : {}),
    ...(words.some((word) => word.startsWith('musl')) ? { libc: ['musl'] } : {}),
    optional: true,
    os,
  };
}

const path = fileURLToPath(new URL('../package-lock.json', import.meta.url));
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, Entry> };
const added: string[] = [];
for (const { optionalDependencies = {}, dev = false } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const key = `node_modules/${name}`;
    if (lock.packages[key] !== undefined || !/^\d/.test(version)) continue;
    const entry = entryOf(name, version, dev);
    if (entry === null) continue;
    lock.packages[key] = entry;
    added.push(name);
  }
}
if (added.length > 0) {
  lock.packages = Object.fromEntries(
    Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  );
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
}
process.stdout.write(`${added.length} entries added\n${added.map((name) => `  ${name}\n`).join('')}`);
