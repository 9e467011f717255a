import type { Delivery, Relay, Storage } from '../../node/index.ts';
import { formatNamespace, parseNamespace } from '../../protocols/common/names.ts';

/**
 * How clients name namespaces: `name` for one of the owner's that this gateway serves, `name@owner` for another's. Within the gateway
 * that text stands for the namespace, and `owner` is empty; here it becomes what the node calls it, and back.
 */
export class Tenants {
  readonly #owner: () => string;

  /** `owner`: DID of whose a namespace is that is named without an owner. */
  constructor({ owner }: { readonly owner: () => string }) {
    this.#owner = owner;
  }

  /** The node's name for the namespace that a client names `text`. Throws `bad_namespace`, `bad_owner`. */
  parse(text: string): { readonly owner: string; readonly namespace: string } {
    return parseNamespace(text, this.#owner());
  }

  /** The client's name for it. */
  format(name: { readonly owner: string; readonly namespace: string }): string {
    return formatNamespace(name, this.#owner());
  }

  relay(relay: Relay): Relay {
    return {
      publish: async (request) => relay.publish(this.#resolve(request)),
      submitSigned: (bytes) => relay.submitSigned(bytes),
      subscribe: (topic, listener) => {
        return relay.subscribe(this.#resolve(topic), (delivery) => listener(this.#named(delivery)));
      },
      topics: (namespace) => {
        const resolved = this.#resolve({ namespace });
        return relay.topics(resolved.namespace, resolved.owner);
      },
    };
  }

  storage(storage: Storage): Storage {
    return {
      put: async (name, ...rest) => storage.put(this.#resolve(name), ...rest),
      putBlob: async (name, ...rest) => storage.putBlob(this.#resolve(name), ...rest),
      beginUpload: async (namespace, options) => storage.beginUpload(this.#resolve(namespace), options),
      resumeUpload: (namespace, id) => storage.resumeUpload(this.#resolve(namespace), id),
      submitSigned: (...call) => storage.submitSigned(...call),
      get: async (name, ...rest) => storage.get(this.#resolve(name), ...rest),
      delete: async (name, ...rest) => storage.delete(this.#resolve(name), ...rest),
      list: async (request) => storage.list(this.#resolve(request)),
      where: async (name) => storage.where(this.#resolve(name)),
      status: () => storage.status(),
    };
  }

  #resolve<T extends { readonly namespace: string }>(named: T): T & { owner: string } {
    return { ...named, ...this.parse(named.namespace) };
  }

  #named(delivery: Delivery): Delivery {
    return { ...delivery, namespace: this.format(delivery), owner: '' };
  }
}
