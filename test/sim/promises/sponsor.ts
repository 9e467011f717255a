import { rmSync } from 'node:fs';
import { Machine } from '../../support/machine.ts';
import { type Cleanup, until } from '../../support/processes.ts';
import { Site } from '../storage/site.ts';

/** The namespace in which everything is stored, of each owner. */
export const NAMESPACE = 'promises';
/** Far beyond what a start may take: a node that is not ready then never is. */
const READY_TIMEOUT_MS = 120_000;

export interface SponsorInit {
  readonly name: string;
  /** HOME of another machine of its owner, whose key it then has. */
  readonly home?: string;
  /** For every start. */
  readonly flags: readonly string[];
}

/** A node process of one owner: started, killed and started again on the same data. */
export class Sponsor {
  readonly name: string;
  readonly machine: Machine;
  readonly #sites = new Map<string, Site>();
  isUp = false;
  peerId = '';
  /** It has the owner's key, so that it can invite. */
  holdsKey: boolean;

  constructor(t: Cleanup, { name, home, flags }: SponsorInit) {
    this.name = name;
    this.machine = new Machine(t, { flags, ...(home === undefined ? {} : { home }) });
    this.holdsKey = true;
  }

  /** Starts it, the first time perhaps with an invite, and waits until it serves. */
  async start(invite?: string): Promise<void> {
    if (invite !== undefined) this.holdsKey = false;
    const join = invite === undefined ? [] : ['--join', '-', '--yes'];
    const options = invite === undefined ? {} : { input: `${invite}\n` };
    const { url, peerId } = await this.machine.start(join, options);
    this.peerId = peerId;
    for (const site of this.#sites.values()) site.reset({ port: Number(new URL(url).port) });
    this.isUp = true;
    const site = this.site('');
    await until(`${this.name} serves`, () => site.isReady(), READY_TIMEOUT_MS);
  }

  /** SIGKILL, at whatever line it is. */
  async kill(): Promise<void> {
    this.isUp = false;
    await this.machine.running.program.end('SIGKILL');
  }

  /** SIGKILL, and its disk with it: it never comes back. */
  async lose(): Promise<void> {
    await this.kill();
    rmSync(this.machine.data, { recursive: true, force: true });
  }

  /** Its gateway, for the values of `owner`; of the one it serves itself when that is empty. */
  site(owner: string): Site {
    const known = this.#sites.get(owner);
    if (known !== undefined) return known;
    const port = Number(new URL(this.machine.running.url).port);
    const namespace = owner === '' ? NAMESPACE : `${NAMESPACE}@${owner}`;
    const site = new Site(this.name, { port }, namespace);
    this.#sites.set(owner, site);
    return site;
  }

  /** An invite for one more machine. */
  async invite(): Promise<string> {
    const { invite } = await this.machine.ask('invite');
    return String(invite);
  }

  /** Lets anybody read at gateways, also at those of other owners. */
  async openReading(): Promise<string> {
    await this.machine.ask('namespace', 'create', NAMESPACE, '--read', 'anyone');
    return (await this.machine.status()).operator.did;
  }

  get address(): string {
    const { port, peerId } = this.machine.running;
    return `/ip4/127.0.0.1/tcp/${port}/p2p/${peerId}`;
  }
}
