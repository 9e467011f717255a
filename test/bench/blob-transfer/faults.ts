import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Member } from '../../sim/storage/member.ts';
import { type Swarm, until } from '../../sim/storage/swarm.ts';
import { atMost, round, type Target } from '../../support/experiment.ts';
import { Content } from './content.ts';
import { gatewaysOf, untilCopied } from './places.ts';

const RESUMED = 2;
const CHUNK_BYTES = 2 ** 20;
/** Bytes that may be sent again: a chunk that was not full, data not synced yet, and data under way to the gateway. */
const LOST_MAX_BYTES = 64 * CHUNK_BYTES;
const FETCH_PATIENCE_MS = 300_000;
const POLL_MS = 50;

/** The same, with everything killed at some time that takes part in it. */
export class Faults {
  readonly #swarm: Swarm;
  readonly #content: Content;
  readonly #progress: (line: string) => void;

  constructor(swarm: Swarm, size: number, progress: (line: string) => void) {
    this.#swarm = swarm;
    this.#content = new Content(RESUMED, size);
    this.#progress = progress;
  }

  async run(): Promise<{ figures: Record<string, unknown>; targets: Target[] }> {
    const { id, resentBytes } = await this.#upload();
    const committedMs = await this.#commit(id);
    const got = await this.#download();
    const isSame = got === (await this.#content.digest());
    const { to, home } = this.#parts;
    await home.start();
    const copiesMs = await untilCopied(to, KEY);
    this.#progress(`whole at every home ${round(copiesMs, 0)} ms after the one that was killed came back`);
    return {
      figures: {
        resentMib: round(resentBytes / CHUNK_BYTES),
        committedMs,
        copiesAfterReturnMs: round(copiesMs, 0),
      },
      targets: [
        atMost(
          'killed and resumed: bytes sent twice, MiB',
          round(resentBytes / CHUNK_BYTES),
          LOST_MAX_BYTES / CHUNK_BYTES,
        ),
        atMost('killed and resumed: files that came out otherwise', Number(!isSame), 0),
      ],
    };
  }

  get #parts() {
    const [from, to] = gatewaysOf(this.#swarm);
    const [gateway] = this.#swarm.gateways;
    const home = this.#swarm.members.at(-1);
    if (gateway === undefined || home === undefined) throw new Error('the swarm is too small');
    return { from, to, gateway, home };
  }

  /** The gateway is killed when half of it was sent, and comes back; the client goes on from where it says. */
  async #upload(): Promise<{ id: string; resentBytes: number }> {
    const { from, gateway } = this.#parts;
    const id = await from.begin();
    const half = this.#content.size / 2;
    let sent = 0;
    const killing = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const piece of source) {
        if (sent >= half) await gateway.kill();
        sent += piece.byteLength;
        yield piece;
      }
    };
    await from.append(id, 0, killing(this.#content.read()), true).then(
      () => Promise.reject(new Error('the upload went on without its gateway')),
      () => undefined,
    );
    await gateway.start();
    const offset = await from.offset(id);
    this.#progress(`killed after ${sent} bytes were sent; it has ${offset} of them`);
    await from.append(id, offset, this.#content.read(offset), true);
    return { id, resentBytes: sent - offset };
  }

  /** One of the replicas is killed while they fetch it. */
  async #commit(id: string): Promise<number> {
    const { from, home } = this.#parts;
    const had = blocksOf(home);
    const since = performance.now();
    const committed = from.commit(KEY, id);
    const quarter = this.#content.size / CHUNK_BYTES / 4;
    await Promise.race([
      until('a home has a quarter of it', async () => blocksOf(home) - had >= quarter, FETCH_PATIENCE_MS),
      committed,
    ]);
    const fetched = blocksOf(home) - had;
    await home.kill();
    await committed;
    this.#progress(`a home was killed with ${fetched} blocks of it; the others have it`);
    return round(performance.now() - since, 0);
  }

  /** The client goes away at half of it, and asks for the rest. */
  async #download(): Promise<string> {
    const { to } = this.#parts;
    const half = Math.floor(this.#content.size / 2);
    const first = await to.get(KEY, { sha: createHash('sha256'), stopAt: half });
    await wait(POLL_MS);
    const rest = await to.get(KEY, { sha: first.sha, start: first.size });
    this.#progress(`${first.size} bytes, and after a break up to ${rest.size}`);
    return rest.sha.digest('hex');
  }
}

const KEY = 'resumed';

/** Files of blocks on a node's disk. */
function blocksOf({ data }: Member): number {
  try {
    return readdirSync(`${data}/storage/blobs/blocks`, { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile(),
    ).length;
  } catch {
    return 0;
  }
}
