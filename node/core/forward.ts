/** Members of a service that answer at once; all others return promises. */
type Synchronous<T> = {
  [K in keyof T as T[K] extends (...call: never[]) => Promise<unknown> ? never : K]: T[K] extends (
    ...call: never[]
  ) => unknown
    ? 'method'
    : 'property';
};

/**
 * A service by its interface, which outlasts the one that runs: each call goes to the one that `running` gives then. A call
 * throws whatever `running` throws; a method that returns promises rejects with it. `synchronous` names the members that return
 * none; the compiler holds it against the interface.
 */
export function forward<T extends object>(running: () => T, synchronous: Synchronous<T>): T {
  const kinds = new Map<PropertyKey, unknown>(Object.entries(synchronous));
  const methods = new Map<PropertyKey, unknown>();
  const call = (key: PropertyKey, args: unknown[]): unknown => {
    const service = running() as Record<PropertyKey, (...args: unknown[]) => unknown>;
    return service[key]?.(...args);
  };
  const methodOf = (key: PropertyKey): unknown => {
    if (kinds.get(key) === 'method') return (...args: unknown[]) => call(key, args);
    return async (...args: unknown[]) => call(key, args);
  };
  return new Proxy({} as T, {
    get: (_, key) => {
      // it is no promise, whoever awaits it
      if (typeof key === 'symbol' || key === 'then') return undefined;
      if (kinds.get(key) === 'property') return (running() as Record<PropertyKey, unknown>)[key];
      if (!methods.has(key)) methods.set(key, methodOf(key));
      return methods.get(key);
    },
  });
}
