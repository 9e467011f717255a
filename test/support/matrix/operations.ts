/** Operations that a gateway's OpenAPI document describes. */

export type Place = 'path' | 'query' | 'header' | 'body';

/** Something that a request may say. */
export interface Field {
  readonly where: Place;
  readonly name: string;
  readonly isRequired: boolean;
  /** A list of such things. */
  readonly isList: boolean;
}

export interface Operation {
  /** `GET /v1/kv/{namespace}` */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly fields: readonly Field[];
  /** Kind of its body; null without one. */
  readonly body: 'json' | 'bytes' | null;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Described {
  readonly parameters?: readonly {
    readonly in: Place;
    readonly name: string;
    readonly required?: boolean;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

/** Operations in the document of the gateway at `url`, and HEAD wherever it answers that besides GET. */
export async function operationsAt(url: string): Promise<Operation[]> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => operation(document, { method, path }, one)),
  );
  const names = new Set(described.map(({ name }) => name));
  const heads = await Promise.all(
    described
      .filter(({ method, path }) => method === 'GET' && !names.has(`HEAD ${path}`))
      .map(async (get) => ((await methodsOf(url, get.path)).has('HEAD') ? [headOf(get)] : [])),
  );
  return [...described, ...heads.flat()];
}

/** The methods that a path answers to, as the gateway itself says. */
export async function methodsOf(url: string, path: string): Promise<Set<string>> {
  const answer = await fetch(url + path.replaceAll(/\{\w+\}/g, 'x'), { method: 'OPTIONS' });
  const methods = new Set((answer.headers.get('allow') ?? '').split(', '));
  methods.delete('OPTIONS');
  return methods;
}

function headOf(get: Operation): Operation {
  return { ...get, method: 'HEAD', name: `HEAD ${get.path}` };
}

function operation(
  document: Document,
  { method, path }: { readonly method: string; readonly path: string },
  { parameters = [], requestBody }: Described,
): Operation {
  const upper = method.toUpperCase();
  const content = Object.entries(requestBody?.content ?? {});
  const [, json] = content.find(([type]) => type === 'application/json') ?? [];
  return {
    name: `${upper} ${path}`,
    method: upper,
    path,
    fields: [
      ...parameters.map(({ in: where, name, required = false }) => ({
        where,
        name,
        isRequired: required,
        isList: false,
      })),
      ...bodyFields(document, json?.schema ?? {}),
    ],
    body: json !== undefined ? 'json' : content.length > 0 ? 'bytes' : null,
  };
}

function bodyFields(document: Document, { $ref, anyOf = [], ...schema }: Schema): Field[] {
  if ($ref !== undefined) {
    const name = $ref.split('/').at(-1) ?? '';
    return bodyFields(document, document.components?.schemas?.[name] ?? {});
  }
  const required = new Set(schema.required);
  const own = Object.entries(schema.properties ?? {}).map(([name, { type }]) => ({
    where: 'body' as const,
    name,
    isRequired: required.has(name),
    isList: type === 'array',
  }));
  return [...own, ...anyOf.flatMap((one) => bodyFields(document, one))];
}
