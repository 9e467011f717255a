import { GatewayError } from '../core/errors.ts';
import type { ApiKey, ApiKeys, KeyHolder, Scope } from './api-keys.ts';
import type { Authenticator } from './identity.ts';

export interface KeyRingComponents {
  readonly apiKeys: ApiKeys;
  readonly authenticator: Pick<Authenticator, 'forget'>;
}

export interface KeyRingInit {
  readonly did: string;
  readonly subject: string;
  /** Where its keys are for; without, each says so itself. */
  readonly namespace: string | undefined;
  /** Scopes they may grant. */
  readonly scopes: readonly Scope[];
}

export interface NewKey {
  readonly name: string;
  readonly namespace: string;
  readonly scopes: readonly Scope[];
}

/** The API keys of one wallet in a namespace, or all of the operator's. */
export class ApiKeyRing {
  readonly #components: KeyRingComponents;
  readonly #init: KeyRingInit;

  constructor(components: KeyRingComponents, init: KeyRingInit) {
    this.#components = components;
    this.#init = init;
  }

  list(): Promise<ApiKey[]> {
    return this.#components.apiKeys.list(this.#init);
  }

  /** Throws `forbidden` for a scope that is not theirs to give, and `too_many_apps`. */
  async create({
    name,
    namespace,
    scopes,
  }: NewKey): Promise<{ readonly text: string; readonly key: ApiKey }> {
    const { did, subject } = this.#init;
    const refused = scopes.find((scope) => !this.#init.scopes.includes(scope));
    if (refused !== undefined) {
      throw new GatewayError('forbidden', `only the gateway's operator makes keys that grant ${refused}`);
    }
    const holder: KeyHolder = { did, subject, namespace: this.#init.namespace ?? namespace };
    return this.#components.apiKeys.create(holder, { name, scopes }, this.#init);
  }

  /** Whether there was such a key. It is not good here a moment longer. */
  async revoke(id: string): Promise<boolean> {
    const { apiKeys, authenticator } = this.#components;
    const isRevoked = await apiKeys.revoke(this.#init, id);
    if (isRevoked) authenticator.forget(this.#init.did);
    return isRevoked;
  }
}
