const WILDCARD = '*';

/** The methods of all routes that match a path; undefined when no route matches. */
export function methodsOf(
  routes: ReadonlyMap<string, ReadonlySet<string>>,
  path: string,
): ReadonlySet<string> | undefined {
  const exact = routes.get(path);
  if (exact !== undefined) return exact;
  const parts = path.split('/');
  for (const [pattern, methods] of routes) if (matches(pattern.split('/'), parts)) return methods;
  return undefined;
}

function matches(pattern: readonly string[], parts: readonly string[]): boolean {
  const hasRest = pattern.at(-1) === WILDCARD;
  if (hasRest ? parts.length < pattern.length : parts.length !== pattern.length) return false;
  return pattern.every((part, index) => {
    if (part === WILDCARD) return true;
    const found = parts[index] ?? '';
    return part.startsWith(':') ? found !== '' : part === found;
  });
}
