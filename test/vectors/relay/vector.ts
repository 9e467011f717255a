/** Format of the vector files. README.md explains it to those who read them in another language. */
export interface Vector {
  readonly name: string;
  /** The envelope, or for a large one its runs: hex, and how many times it stands there. */
  readonly hex?: string;
  readonly runs?: readonly (readonly [hex: string, times: number])[];
  readonly valid: boolean;
  /** Why it is refused. Absent where a decoder may say `envelope_malformed` or `envelope_not_canonical`. */
  readonly code?: string;
  /** CID of a valid one. */
  readonly id?: string;
  /** Gossip topic it comes on; the one of its own topic unless it says otherwise. */
  readonly gossipTopic: string;
  /** Clock of the receiver. */
  readonly now: number;
  /** Name of the valid vector that was received before. */
  readonly after?: string;
}

/** A byte moved from one field to its neighbour: both envelopes carry the signature of the first. */
export interface ShiftVector {
  readonly name: string;
  readonly original: string;
  readonly shifted: string;
  /** Why the shifted one is refused. */
  readonly code: string;
}

/** Longest envelope that is written out: beyond, equal bytes are given as runs. */
const WRITTEN_MAX = 16_384;
/** Equal bytes that are worth a run. */
const RUN_MIN = 64;

export function written(envelope: Buffer): Pick<Vector, 'hex'> | Pick<Vector, 'runs'> {
  if (envelope.byteLength <= WRITTEN_MAX) return { hex: envelope.toString('hex') };
  return { runs: runsOf(envelope) };
}

export function envelopeOf(vector: Pick<Vector, 'hex' | 'runs'>): Buffer {
  if (vector.hex !== undefined) return Buffer.from(vector.hex, 'hex');
  return Buffer.concat((vector.runs ?? []).map(([hex, times]) => Buffer.from(hex.repeat(times), 'hex')));
}

function runsOf(data: Buffer): [string, number][] {
  const runs: [string, number][] = [];
  let plain = 0;
  let at = 0;
  while (at < data.byteLength) {
    let end = at + 1;
    while (end < data.byteLength && data[end] === data[at]) end += 1;
    if (end - at >= RUN_MIN) {
      if (at > plain) runs.push([data.toString('hex', plain, at), 1]);
      runs.push([data.toString('hex', at, at + 1), end - at]);
      plain = end;
    }
    at = end;
  }
  if (at > plain) runs.push([data.toString('hex', plain, at), 1]);
  return runs;
}
