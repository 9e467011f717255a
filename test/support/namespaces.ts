/**
 * Networks made of Linux network namespaces, for tests of what loopback cannot show: home routers, firewalls,
 * partitions, thin lines. A backbone routes between public addresses; each host on it has a /24 to itself, unless it is on a segment.
 * Needs root, iproute2 and iptables: `canUseNamespaces` says what is missing. IPv6 is off inside.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cleanup, isAlive, Program, type RunOptions } from './processes.ts';
import { ROOT } from './sources.ts';

const MAIN = join(ROOT, 'gateway/cli/main.ts');
/** Namespaces are named after the test process, so that those of a dead one can be told and removed. */
const PREFIX = 'maillon-test-';
const NAME = /^maillon-test-(\d+)-/;
/** Files in /etc/netns/<namespace> stand in /etc for what runs inside. */
const NETNS_ETC = '/etc/netns';
/** Asked by whoever looks a name up by itself: on the backbone, where nobody answers. */
export const NAMESERVER = '45.90.0.53';
/** First two bytes of the backbone's addresses: not private, not reserved, so that libp2p takes them as public. */
const PUBLIC = '45.90';
/** As the third byte of an address. */
const SUBNETS_MAX = 250;
/** iptables waits so long for another that holds its lock. */
const LOCK_WAIT_S = '10';
const COMMAND_TIMEOUT_MS = 15_000;

/** Runs a command to its end. Throws what it said when it fails. */
function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: COMMAND_TIMEOUT_MS,
  });
}

let reason: string | null | undefined;

/** Why no network can be made of namespaces here, for `{ skip: reason }`; null when one can. */
export function canUseNamespaces(): string | null {
  reason ??= tryNamespaces();
  return reason === '' ? null : reason;
}

/** Tries what the networks need in a namespace that is removed again. Empty when all of it works. */
function tryNamespaces(): string {
  if (process.platform !== 'linux') return 'network namespaces are of Linux only';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const [tool, ...args] of [
    ['ip', '-V'],
    ['iptables', '-V'],
    ['tc', '-V'],
  ] as const) {
    try {
      run(tool, ...args);
    } catch {
      return `network namespaces need ${tool} (packages iproute2 and iptables)`;
    }
  }
  const name = `${PREFIX}${process.pid}-trial`;
  try {
    run('ip', 'netns', 'add', name);
    run('ip', '-n', name, 'link', 'add', 'name', 'trial', 'type', 'veth', 'peer', 'name', 'other');
    iptables(name, '-t', 'nat', '-A', 'POSTROUTING', '-o', 'trial', '-j', 'MASQUERADE');
    iptables(name, '-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'ESTABLISHED', '-j', 'ACCEPT');
    return '';
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr ?? error).trim();
    return `network namespaces are not permitted here: ${said.split('\n', 1)[0]}`;
  } finally {
    removeNamespace(name);
  }
}

function iptables(namespace: string, ...args: string[]): string {
  return run('ip', 'netns', 'exec', namespace, 'iptables', '-w', LOCK_WAIT_S, ...args);
}

/** Removes what test processes left behind that were killed before they could. */
function removeStale(): void {
  for (const name of run('ip', 'netns', 'list').split('\n')) {
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) removeNamespace(name.split(' ', 1)[0] ?? '');
  }
  for (const name of readDirectory(NETNS_ETC)) {
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(NETNS_ETC, name), { recursive: true });
  }
}

function readDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Kills what runs in a namespace and removes it; one that is not there is no error. */
function removeNamespace(name: string): void {
  try {
    for (const pid of run('ip', 'netns', 'pids', name).split('\n').filter(Boolean)) kill(Number(pid));
    run('ip', 'netns', 'del', name);
  } catch {
    // it was never made, or its own process removed it meanwhile
  }
  rmSync(join(NETNS_ETC, name), { recursive: true, force: true });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

/** Number of topologies of this process, so that their names differ. */
let topologies = 0;

/** A backbone and what is attached to it. Gone after the test, with everything that runs in it. */
export class Topology {
  readonly #prefix = `${PREFIX}${process.pid}-${++topologies}-`;
  readonly #names: string[] = [];
  readonly #backbone: string;
  #attached = 0;

  constructor(t: Cleanup) {
    removeStale();
    t.after(() => {
      for (const name of this.#names.reverse()) removeNamespace(name);
    });
    this.#backbone = this.#namespace('backbone');
    forwardPackets(this.#backbone);
  }

  /** A machine with a public address. */
  host(name: string): Host {
    const namespace = this.#namespace(name);
    return new Host(namespace, this.#attach(namespace), 'wan');
  }

  /** A line that several machines share: their public addresses are in one /24. */
  segment(): Segment {
    const subnet = this.#subnet();
    const bridge = `segment${subnet}`;
    run('ip', '-n', this.#backbone, 'link', 'add', bridge, 'type', 'bridge');
    run('ip', '-n', this.#backbone, 'address', 'add', `${PUBLIC}.${subnet}.1/24`, 'dev', bridge);
    run('ip', '-n', this.#backbone, 'link', 'set', bridge, 'up');
    let hosts = 0;
    return {
      host: (name) => {
        const namespace = this.#namespace(name);
        const address = `${PUBLIC}.${subnet}.${++hosts + 1}`;
        const port = `${bridge}-${hosts}`;
        link(
          { namespace: this.#backbone, device: port, address: null },
          { namespace, device: 'wan', address },
        );
        run('ip', '-n', this.#backbone, 'link', 'set', port, 'master', bridge);
        run('ip', '-n', namespace, 'route', 'add', 'default', 'via', `${PUBLIC}.${subnet}.1`);
        return new Host(namespace, address, 'wan');
      },
    };
  }

  /** A home router with a public address; the machines behind it are `nat.host(…)`. */
  nat(name: string): Nat {
    const namespace = this.#namespace(name);
    const address = this.#attach(namespace);
    return new Nat(namespace, address, (host) => this.#namespace(`${name}-${host}`));
  }

  /** Lets nothing pass between two hosts, in either direction, until the answer is called. */
  cut(a: { readonly address: string }, b: { readonly address: string }): () => void {
    const ways: [string, string][] = [
      [a.address, b.address],
      [b.address, a.address],
    ];
    for (const way of ways) iptables(this.#backbone, '-I', ...dropRule(...way));
    return () => {
      for (const way of ways) iptables(this.#backbone, '-D', ...dropRule(...way));
    };
  }

  #namespace(name: string): string {
    const full = this.#prefix + name;
    this.#names.push(full);
    run('ip', 'netns', 'add', full);
    inside(full, 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6');
    run('ip', '-n', full, 'link', 'set', 'lo', 'up');
    const etc = join(NETNS_ETC, full);
    mkdirSync(etc, { recursive: true });
    writeFileSync(join(etc, 'resolv.conf'), `nameserver ${NAMESERVER}\noptions timeout:1 attempts:1\n`);
    return full;
  }

  /** A line from the backbone to `namespace`, with the address it has there. */
  #attach(namespace: string): string {
    const subnet = this.#subnet();
    const gateway = `${PUBLIC}.${subnet}.1`;
    const address = `${PUBLIC}.${subnet}.2`;
    link(
      { namespace: this.#backbone, device: `line${subnet}`, address: gateway },
      { namespace, device: 'wan', address },
    );
    run('ip', '-n', namespace, 'route', 'add', 'default', 'via', gateway);
    return address;
  }

  /** Third byte of addresses that nobody has yet. */
  #subnet(): number {
    const subnet = ++this.#attached;
    if (subnet > SUBNETS_MAX) throw new Error(`at most ${SUBNETS_MAX} lines on one backbone`);
    return subnet;
  }
}

/** Machines in one /24. */
export interface Segment {
  host(name: string): Host;
}

function dropRule(from: string, to: string): string[] {
  return ['FORWARD', '-s', from, '-d', to, '-j', 'DROP'];
}

interface LinkEnd {
  readonly namespace: string;
  readonly device: string;
  /** None where it is the port of a bridge. */
  readonly address: string | null;
}

function link(a: LinkEnd, b: LinkEnd): void {
  const [left, right] = [
    ['name', a.device, 'netns', a.namespace],
    ['name', b.device, 'netns', b.namespace],
  ];
  run('ip', 'link', 'add', ...left, 'type', 'veth', 'peer', ...right);
  for (const { namespace, device, address } of [a, b]) {
    if (address !== null) run('ip', '-n', namespace, 'address', 'add', `${address}/24`, 'dev', device);
    run('ip', '-n', namespace, 'link', 'set', device, 'up');
  }
}

function inside(namespace: string, shell: string): void {
  run('ip', 'netns', 'exec', namespace, 'sh', '-c', shell);
}

function forwardPackets(namespace: string): void {
  inside(namespace, 'echo 1 > /proc/sys/net/ipv4/ip_forward');
}

/** A machine in a namespace of its own. */
export class Host {
  readonly namespace: string;
  readonly address: string;
  readonly #device: string;

  constructor(namespace: string, address: string, device: string) {
    this.namespace = namespace;
    this.address = address;
    this.#device = device;
  }

  /** Names that programs started here from now on find by themselves, and nobody else does. */
  knowNames(addresses: Readonly<Record<string, string>>): void {
    const lines = Object.entries(addresses).map(([name, address]) => `${address} ${name}\n`);
    writeFileSync(join(NETNS_ETC, this.namespace, 'hosts'), `127.0.0.1 localhost\n${lines.join('')}`);
  }

  /** Runs a program here to its end, and returns what it printed. */
  run(command: string, ...args: readonly string[]): string {
    return run('ip', 'netns', 'exec', this.namespace, command, ...args);
  }

  /** Starts a program here. */
  start(t: Cleanup, command: string, args: readonly string[], options?: RunOptions): Program {
    const [first = '', ...rest] = this.commandOf([command, ...args]);
    return new Program(t, first, rest, options);
  }

  /** The command that runs this one here. */
  commandOf(command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.namespace, ...command];
  }

  /** `maillon` with these arguments here. All ports are free, so those of the settings are taken. */
  maillon(t: Cleanup, args: readonly string[], options?: RunOptions): Program {
    return this.start(t, process.execPath, [MAIN, ...args], options);
  }

  /**
   * Firewalls this host: it may send to these addresses and ports over TCP and nothing else, and only answers to
   * that come in. The answer counts the packets that were refused on the way out.
   */
  restrictTo(...allowed: readonly { readonly address: string; readonly port: number }[]): () => number {
    const { namespace } = this;
    iptables(namespace, '-P', 'INPUT', 'DROP');
    iptables(namespace, '-A', 'INPUT', '-i', 'lo', '-j', 'ACCEPT');
    iptables(namespace, '-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'ESTABLISHED', '-j', 'ACCEPT');
    iptables(namespace, '-A', 'OUTPUT', '-o', 'lo', '-j', 'ACCEPT');
    for (const { address, port } of allowed) {
      const target = ['-p', 'tcp', '-d', address, '--dport', String(port)];
      iptables(namespace, '-A', 'OUTPUT', ...target, '-j', 'ACCEPT');
    }
    iptables(namespace, '-A', 'OUTPUT', '-j', 'DROP');
    return () => {
      const rules = iptables(namespace, '-nvxL', 'OUTPUT').split('\n');
      const refused = rules.find((rule) => / DROP /.test(rule));
      if (refused === undefined) throw new Error('the firewall has lost its last rule');
      return Number(refused.trim().split(/\s+/, 1)[0]);
    };
  }

  /** Pulls the cable out, or plugs it in. */
  setLink(isUp: boolean): void {
    run('ip', '-n', this.namespace, 'link', 'set', this.#device, isUp ? 'up' : 'down');
  }

  /** Sends no faster than this from here. */
  limitRate(bytesPerSecond: number): void {
    const rate = ['rate', `${bytesPerSecond}bps`, 'burst', '16kb', 'latency', '400ms'];
    run('tc', '-n', this.namespace, 'qdisc', 'replace', 'dev', this.#device, 'root', 'tbf', ...rate);
  }
}

/**
 * A home router: what goes out comes from its own public address, from the same port where that is free, and only answers come
 * in. It drops unsolicited packets silently, as such routers do.
 */
export class Nat {
  readonly address: string;
  readonly #namespace: string;
  readonly #makeNamespace: (name: string) => string;
  #hosts = 0;

  constructor(namespace: string, address: string, makeNamespace: (name: string) => string) {
    this.#namespace = namespace;
    this.address = address;
    this.#makeNamespace = makeNamespace;
    forwardPackets(namespace);
    iptables(namespace, '-t', 'nat', '-A', 'POSTROUTING', '-o', 'wan', '-j', 'MASQUERADE');
    for (const chain of ['INPUT', 'FORWARD']) {
      iptables(namespace, '-P', chain, 'DROP');
      iptables(namespace, '-A', chain, '-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED', '-j', 'ACCEPT');
    }
    iptables(namespace, '-A', 'FORWARD', '!', '-i', 'wan', '-o', 'wan', '-j', 'ACCEPT');
  }

  /** A machine behind this router, each on a network of its own. */
  host(name: string): Host {
    const index = this.#hosts++;
    const gateway = `192.168.${index}.1`;
    const address = `192.168.${index}.10`;
    const namespace = this.#makeNamespace(name);
    const routerEnd = { namespace: this.#namespace, device: `lan${index}`, address: gateway };
    link(routerEnd, { namespace, device: 'lan', address });
    run('ip', '-n', namespace, 'route', 'add', 'default', 'via', gateway);
    return new Host(namespace, address, 'lan');
  }

  /** Passes what comes in on `port` on to `host`, as an operator sets it up in the router. */
  forwardPort(port: number, host: Host, protocol: 'tcp' | 'udp' = 'tcp'): void {
    const match = ['-i', 'wan', '-p', protocol, '--dport', String(port)];
    iptables(this.#namespace, '-t', 'nat', '-A', 'PREROUTING', ...match, '-j', 'DNAT', '--to', host.address);
    iptables(this.#namespace, '-A', 'FORWARD', ...match, '-d', host.address, '-j', 'ACCEPT');
  }
}
