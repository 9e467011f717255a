/** Messages that users receive through streams for others' topics, and whom they reach through them. */
import { SseClient } from '../sse-client.ts';
import type { Site } from '../start-gateway.ts';
import { WsClient } from '../ws-client.ts';
import type { Stage } from './stage.ts';
import { TOPIC } from './tenants.ts';
import type { User } from './users.ts';

const NATIVE = 'maillon.json.1';

interface Asked {
  readonly query: string;
  readonly protocol?: string;
  /** Frames it sends once it is connected. */
  readonly frames?: readonly object[];
}

/** A stream of a user that was let in, and what it heard. */
export class Ear implements AsyncDisposable {
  readonly user: User;
  /** The query it was opened with. */
  readonly query: string;
  /** All that the user said itself. */
  readonly said: string;
  heard = '';
  readonly #end: () => Promise<void>;

  private constructor(user: User, asked: Asked, end: () => Promise<void>) {
    this.user = user;
    this.query = asked.query;
    this.said = JSON.stringify(asked);
    this.#end = end;
  }

  /** Null for whoever is refused. */
  static async listen(site: Site, user: User, query: string): Promise<Ear | null> {
    const client = await SseClient.open(`${site.url}/v1/pubsub/sse?${query}`, user.headers);
    if (!client.response.ok) return null;
    const ear = new Ear(user, { query }, () => client[Symbol.asyncDispose]());
    void (async () => {
      for (let event = await client.next(); event !== undefined; event = await client.next()) {
        ear.heard += textOf(event.data);
      }
    })().catch(() => undefined);
    return ear;
  }

  /** Null for whoever is refused. */
  static async connect(site: Site, user: User, asked: Asked): Promise<Ear | null> {
    const { query, protocol, frames = [] } = asked;
    const client = new WsClient(
      `${site.wsUrl}/v1/pubsub/ws?${query}`,
      protocol === undefined ? [] : [protocol],
      user.headers,
    );
    const ear = new Ear(user, asked, () => client[Symbol.asyncDispose]());
    client.socket.on('message', (data: Buffer, isBinary) => {
      ear.heard += isBinary ? data.toString() : textOf(JSON.parse(data.toString()));
    });
    const isOpen = await new Promise<boolean>((resolve) => {
      client.socket.once('open', () => resolve(true)).once('close', () => resolve(false));
    });
    for (const frame of isOpen ? frames : []) client.send(frame);
    return isOpen ? ear : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}

/** Streams that each user tries to open: for its own topic, and for that of everybody else. */
export async function openEars(site: Site, stage: Stage): Promise<Ear[]> {
  const tried = stage.users.flatMap((user) => {
    const own = stage.ownOf(user);
    const others = Object.values(stage.tenants).filter(({ name }) => name !== user.tenant);
    const names = new Set([own, ...others.flatMap((target) => stage.spellingsFor(user, target))]);
    return [
      ...[...names].flatMap((name) => [
        Ear.listen(site, user, queryOf(name)),
        Ear.connect(site, user, { query: queryOf(name) }),
        Ear.connect(site, user, {
          query: `${queryOf(name)}&presence=true&member_id=${encodeURIComponent(user.name)}`,
        }),
        Ear.connect(site, user, { query: queryOf(name), protocol: NATIVE }),
      ]),
      Ear.listen(site, user, `topic=${TOPIC}`),
      Ear.connect(site, user, { query: queryOf(own), protocol: NATIVE, frames: framesFor(user, [...names]) }),
    ];
  });
  const ears = await Promise.all(tried);
  return ears.filter((ear) => ear !== null);
}

/** That of a stream for the topic that all have. */
export function queryOf(namespace: string): string {
  return new URLSearchParams({ topic: TOPIC, namespace }).toString();
}

function framesFor({ name, tenant }: User, namespaces: readonly string[]): object[] {
  const data_base64 = Buffer.from(`${tenant}: by ${name}, in a frame`).toString('base64');
  return namespaces.flatMap((namespace) => [
    { type: 'subscribe', namespace, topic: TOPIC },
    { type: 'publish', namespace, topic: TOPIC, data_base64 },
    { type: 'unsubscribe', namespace, topic: 'another' },
  ]);
}

/** With what came in base64 as it was said. */
function textOf(frame: Readonly<Record<string, unknown>>): string {
  const said = frame['data_base64'] ?? frame['data'];
  const bytes = typeof said === 'string' ? Buffer.from(said, 'base64').toString() : '';
  return `${JSON.stringify(frame)}\n${bytes}\n`;
}
