/** Actions of `maillon features`: they ask the admin listener of a node. */
import type { LoadedFeature } from '../admin/features.ts';
import { UsageError } from './core/errors.ts';
import { note, say, sayJson, table } from './core/terminal.ts';
import { ask, type OperatorOptions } from './storage/operator.ts';

export interface LoadOptions extends OperatorOptions {
  /** `setting=value`, each. */
  readonly set?: readonly string[];
}

const JSON_TYPE = 'application/json';

export async function list(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  await tell(options, await ask(options, { path: '/v1/features', type: JSON_TYPE, signal }));
}

export async function load(path: string, options: LoadOptions, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({ path, settings: settingsOf(options.set ?? []) });
  await tell(options, await ask(options, { path: '/v1/features/load', body, type: JSON_TYPE, signal }));
}

export async function unload(name: string, options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({ name });
  await tell(options, await ask(options, { path: '/v1/features/unload', body, type: JSON_TYPE, signal }));
}

async function tell({ json = false }: OperatorOptions, answer: Response): Promise<void> {
  const said = (await answer.json()) as { readonly features: readonly LoadedFeature[] };
  if (json) return sayJson(said);
  if (said.features.length === 0) return note('no feature is loaded from a path: maillon features load PATH');
  say(
    table(
      ['NAME', 'ROUTES', 'MODULE'],
      said.features.map(({ name, hasRoutes, path }) => [name, hasRoutes ? 'yes' : 'no', path]),
    ),
  );
}

/** `echo.maxBytes=4096`: the value is JSON where it can be read so, and text otherwise. */
function settingsOf(list: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    list.map((one) => {
      const at = one.indexOf('=');
      if (at < 1) throw new UsageError(`--set ${one}: write it like echo.maxBytes=4096`);
      return [one.slice(0, at), valueOf(one.slice(at + 1))];
    }),
  );
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
