import { readFileSync, writeFileSync } from 'node:fs';

/** Makes the peak begin anew (proc(5)). */
const RESET_PEAK = '5';
const KIB_PER_MIB = 1024;

/** Resident memory of one process, in MiB: what it has at rest, and the most since then. */
export class Memory {
  readonly name: string;
  readonly idleMib: number;
  readonly #pid: number;
  #peakMib = 0;

  constructor(name: string, pid: number) {
    this.name = name;
    this.#pid = pid;
    this.idleMib = this.#read('VmRSS');
    writeFileSync(`/proc/${pid}/clear_refs`, RESET_PEAK);
  }

  /** Notes the peak: before the process ends, and at the end. */
  note(): void {
    this.#peakMib = this.#read('VmHWM');
  }

  get growthMib(): number {
    return this.#peakMib - this.idleMib;
  }

  #read(field: 'VmRSS' | 'VmHWM'): number {
    const text = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(text)?.[1]) / KIB_PER_MIB;
  }
}
