import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDisk } from '../../support/memory-disk.ts';

/** Where the files of simulated nodes are: in memory where the system has a place for that. */
const FILES = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export interface MachineInit {
  readonly id: string;
  /** Which of the owners' it is. */
  readonly owner: string;
  /** Whose namespaces it keeps durably. */
  readonly sponsors: readonly string[];
  readonly prefix: string;
  /** Nodes it is told of; nobody makes it the first of a swarm. */
  readonly bootstrap: readonly string[];
}

/** What of a node outlives its processes. */
export class Machine {
  readonly id: string;
  readonly owner: string;
  readonly prefix: string;
  readonly sponsors: Set<string>;
  bootstrap: readonly string[];
  disk = new MemoryDisk();
  directory = newDirectory();
  /** Peers it has reached: it dials them when it starts. */
  readonly book: Set<string>;
  clockOffsetMs = 0;
  /** It was lost with its disk. */
  isLost = false;

  constructor({ id, owner, sponsors, prefix, bootstrap }: MachineInit) {
    this.id = id;
    this.owner = owner;
    this.prefix = prefix;
    this.bootstrap = bootstrap;
    this.sponsors = new Set(sponsors);
    this.book = new Set(bootstrap);
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
