import { z } from 'zod';
import { UPLOAD_LIFE_MS } from '../../blobs/limits.ts';
import { bytes, count, ms, type Setting, texts } from './setting.ts';

/** Settings of this node's storage for the swarm. */
export const STORAGE_SETTINGS = [
  {
    path: 'storage.enabled',
    schema: z.boolean(),
    default: true,
    help: 'Keep records of the swarm. Without it this node still reads and writes at others.',
  },
  {
    path: 'storage.capacityBytes',
    schema: bytes,
    default: 10 * 2 ** 30,
    unit: 'bytes',
    help: 'Most that is kept here for the swarm; above, writes are refused by name and reads go on.',
  },
  {
    path: 'storage.replicas',
    schema: z.int().min(1).max(7),
    default: 3,
    unit: 'count',
    help: 'Replicas of every record (R): the same at every node of a swarm. A majority acknowledges a write.',
  },
  {
    path: 'storage.distinctPrefixes',
    schema: z.boolean(),
    default: true,
    help: 'Prefer replicas of different /24s or /48s; none is done without for it. Loopback is not counted. The same at every node of a swarm.',
  },
  {
    path: 'storage.downTimeoutMs',
    schema: ms.min(1000),
    default: 600_000,
    unit: 'milliseconds',
    help: 'How long a node may be gone before another one is a replica in its place: shorter than this, a fallback replica holds its share. The same at every node of a swarm.',
  },
  {
    path: 'storage.namespaceBytes',
    schema: bytes,
    default: 2 ** 30,
    unit: 'bytes',
    help: 'Most that one namespace may take at this node, whatever its policy says.',
  },
  {
    path: 'storage.namespaceKeys',
    schema: count,
    default: 1_000_000,
    unit: 'count',
    help: 'Keys that one namespace may have at this node: some 200 bytes each beside the value.',
  },
  {
    path: 'storage.uploadLifeMs',
    schema: ms.min(60_000),
    default: UPLOAD_LIFE_MS,
    unit: 'milliseconds',
    help: 'How long an upload waits for a client that went away: long enough to change networks or restart, short since its bytes take room that others could use.',
  },
  {
    path: 'storage.sponsored',
    schema: texts,
    default: [],
    help: "Namespaces whose records this node keeps until they expire: owners (did:…), name@did:…, or * for all. Its own operator's always; others share a tenth of the room, for a day. Such a copy is durable only where the owner named this node's operator, too (maillon namespace sponsor); otherwise it is best effort.",
  },
  {
    path: 'storage.upkeepBytesPerSecond',
    schema: bytes,
    default: 16 * 2 ** 20,
    unit: 'bytes',
    help: 'Most bytes that copying between replicas may take each second, so that clients come first.',
  },
  {
    path: 'storage.scrubEveryMs',
    schema: z
      .int()
      .min(0)
      .max(90 * 24 * 3_600_000),
    default: 7 * 24 * 3_600_000,
    unit: 'milliseconds',
    help: 'How often all that is stored here is read and verified, and what is broken is repaired from other nodes. 0: only when the operator asks.',
  },
  {
    path: 'storage.scrubBytesPerSecond',
    schema: bytes,
    default: 8 * 2 ** 20,
    unit: 'bytes',
    help: 'Most bytes that such a scrub may read from disk each second, so that clients come first.',
  },
] as const satisfies readonly Setting[];
