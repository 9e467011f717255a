import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDisk } from '../../support/memory-disk.ts';

/** Where the files of simulated nodes are: in memory where the system has a place for that. */
const FILES = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Sponsors of an owner's namespaces. */
export interface Notice {
  readonly version: number;
  readonly operators: ReadonlySet<string>;
}

export interface MachineInit {
  readonly id: string;
  /** DID of its operator. */
  readonly operator: string;
  /** Operators that sponsor what an owner holds, by owner, as everybody knows from the start. */
  readonly sponsors: ReadonlyMap<string, ReadonlySet<string>>;
  readonly prefix: string;
  /** Nodes it is told of; nobody makes it the first of a swarm. */
  readonly bootstrap: readonly string[];
}

/** State of a node that outlives its processes. */
export class Machine {
  readonly id: string;
  readonly operator: string;
  readonly prefix: string;
  bootstrap: readonly string[];
  disk = new MemoryDisk();
  directory = newDirectory();
  /** Peers it has reached: it dials them when it starts. */
  readonly book: Set<string>;
  /** Owners' latest notices of who sponsors their namespaces; nodes exchange them. */
  readonly notices = new Map<string, Notice>();
  /** Grows when one of these is another. */
  noticesVersion = 0;
  clockOffsetMs = 0;
  /** It was lost with its disk. */
  isLost = false;

  constructor({ id, operator, sponsors, prefix, bootstrap }: MachineInit) {
    this.id = id;
    this.operator = operator;
    this.prefix = prefix;
    this.bootstrap = bootstrap;
    for (const [owner, operators] of sponsors) this.notices.set(owner, { version: 0, operators });
    this.book = new Set(bootstrap);
  }

  /** Operators that sponsor what `owner` holds, as this machine knows it. */
  sponsorsOf(owner: string): ReadonlySet<string> {
    return this.notices.get(owner)?.operators ?? new Set([owner]);
  }

  /** Takes over what is newer. */
  hear(owner: string, notice: Notice): void {
    if (notice.version <= (this.notices.get(owner)?.version ?? -1)) return;
    this.notices.set(owner, notice);
    this.noticesVersion += 1;
  }

  /** Nothing is left of what was on its disk. */
  lose(bootstrap: readonly string[]): void {
    this.remove();
    this.bootstrap = bootstrap.filter((id) => id !== this.id);
    this.disk = new MemoryDisk();
    this.directory = newDirectory();
    this.book.clear();
    for (const id of this.bootstrap) this.book.add(id);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function newDirectory(): string {
  return mkdtempSync(join(FILES, 'maillon-membership-'));
}
