/** Tenants with their things, users with their credentials, and what happens when one asks for what is another's. */
import { rawRequest } from '../raw-http.ts';
import type { Site } from '../start-gateway.ts';
import type { Operation } from './operations.ts';
import { type Asking, type Naming, namingsOf, type Request, requestOf } from './requests.ts';
import { AGENT, Tenant } from './tenants.ts';
import { TENANTS, type TenantName, type Tenants, type User, usersOf } from './users.ts';

const PARALLEL = 48;

export interface Answer {
  readonly asking: Asking;
  readonly request: Request;
  readonly status: number;
  /** Headers and body. */
  readonly text: string;
}

export class Stage implements AsyncDisposable {
  readonly tenants: Tenants;
  readonly users: readonly User[];
  readonly #url: string;
  readonly #looks = new Map<TenantName, string>();

  private constructor(site: Site, tenants: Tenants, users: readonly User[]) {
    this.#url = site.url;
    this.tenants = tenants;
    this.users = users;
  }

  static async set(site: Site): Promise<Stage> {
    const moved = await Promise.all(
      Object.entries(TENANTS).map(async ([name, init]) => {
        return [name, await Tenant.move(site, { ...init, name })] as const;
      }),
    );
    const tenants = Object.fromEntries(moved) as Record<TenantName, Tenant>;
    const stage = new Stage(site, tenants, await usersOf(tenants, site));
    await stage.changed();
    return stage;
  }

  /** Everybody leaves things once more, for whoever may has taken them away. */
  async reset(): Promise<void> {
    await Promise.all(Object.values(this.tenants).map((tenant) => tenant.leave()));
    await this.changed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Object.values(this.tenants).map((one) => one[Symbol.asyncDispose]()));
  }

  /** Tenants that find something else than the last time they looked. */
  async changed(): Promise<TenantName[]> {
    const names = Object.keys(this.tenants) as TenantName[];
    const looks = await Promise.all(
      names.map(async (name) => [name, await this.tenants[name].look()] as const),
    );
    return looks
      .filter(([name, look]) => {
        const before = this.#looks.get(name);
        this.#looks.set(name, look);
        return before !== look;
      })
      .map(([name]) => name);
  }

  /** All ways in which a user can ask for things of others. */
  foreign(operation: Operation, user: User): Asking[] {
    const own = this.ownOf(user);
    return this.#targetsOf(operation, user).flatMap((target) =>
      namingsOf(operation, own, this.spellingsFor(user, target)).map((naming) =>
        this.#asking(operation, user, { target, naming, isRightful: false }),
      ),
    );
  }

  /** All ways in which a user can ask for its own. */
  rightful(operation: Operation, user: User): Asking[] {
    if (user.tenant === null) return [];
    const target = this.tenants[user.tenant];
    return namingsOf(operation, target.namespace, [target.namespace]).map((naming) =>
      this.#asking(operation, user, { target, naming, isRightful: true }),
    );
  }

  /** Texts by which a user tries to mean the namespace of another. The operator may name what it holds for a wallet. */
  spellingsFor({ tenant, rights }: User, target: Tenant): readonly string[] {
    return tenant === 'operator' || rights.length === 0 ? [target.namespace] : target.spellings;
  }

  /** A user's name for its own namespace. */
  ownOf({ tenant }: User): string {
    return tenant === null ? 'default' : this.tenants[tenant].namespace;
  }

  async ask(askings: readonly Asking[]): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (let at = 0; at < askings.length; at += PARALLEL) {
      const some = askings.slice(at, at + PARALLEL).map((asking) => this.#ask(asking));
      answers.push(...(await Promise.all(some)));
    }
    return answers;
  }

  /** Marks of others that a user got to see, and that it did not say itself. */
  leaked({ tenant }: User, said: string, seen: string): string[] {
    const own = tenant === null ? null : this.tenants[tenant];
    const [asked, got] = [said.toLowerCase(), seen.toLowerCase()];
    return Object.values(this.tenants).flatMap((other) => {
      if (other === own) return [];
      const names = [other.place, other.wallet?.address ?? other.place].filter(
        (name) => tenant !== 'operator' && name !== own?.wallet?.address,
      );
      const hidden = [...other.marks, ...names.map((name) => name.toLowerCase())];
      return hidden
        .filter((mark) => got.includes(mark) && !asked.includes(mark) && own?.marks.has(mark) !== true)
        .map((mark) => `${other.name}'s ${mark}`);
    });
  }

  /** Whether an answer shows something of whoever asked. */
  showsOwn({ asking, request, text }: Answer): boolean {
    const asked = JSON.stringify(request).toLowerCase();
    const got = text.toLowerCase();
    return [...asking.target.marks].some((mark) => got.includes(mark) && !asked.includes(mark));
  }

  #asking(
    operation: Operation,
    user: User,
    how: { readonly target: Tenant; readonly naming: Naming; readonly isRightful: boolean },
  ): Asking {
    return { operation, user, own: this.ownOf(user), ...how };
  }

  /** One is enough for whoever is nobody, whatever it asks for, and where nothing can be asked for. */
  #targetsOf({ fields }: Operation, { tenant }: User): Tenant[] {
    const others = Object.values(this.tenants).filter(({ name }) => name !== tenant);
    return tenant === null || fields.length === 0 ? others.slice(1, 2) : others;
  }

  async #ask(asking: Asking): Promise<Answer> {
    const request = requestOf(asking);
    const { path, method, headers, body } = request;
    const isStream = asking.operation.path === '/v1/pubsub/sse' && method === 'GET';
    if (isStream) return this.#begin(asking, request);
    const said = { method, headers, agent: AGENT, ...(body === null ? {} : { body }) };
    const answer = await rawRequest(this.#url, path, said);
    return { asking, request, status: answer.status, text: JSON.stringify(answer.headers) + answer.text };
  }

  /** Stream contents are read elsewhere. */
  async #begin(asking: Asking, request: Request): Promise<Answer> {
    const answer = await fetch(this.#url + request.path, { headers: request.headers });
    const headers = JSON.stringify([...answer.headers]);
    const text = answer.ok ? '' : await answer.text();
    if (answer.ok) await answer.body?.cancel();
    return { asking, request, status: answer.status, text: headers + text };
  }
}
