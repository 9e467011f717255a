import { jsonSchemaTransform } from 'fastify-type-provider-zod';

/** A route for the OpenAPI document: there the rest of a path has a name. */
export const describeRoute: typeof jsonSchemaTransform = (document) => {
  const { schema, url } = jsonSchemaTransform(document);
  if (!url.endsWith('/*')) return { schema, url };
  const params = schema['params'] as { properties: Record<string, unknown>; required: readonly string[] };
  const { '*': key, ...properties } = params.properties;
  const named = {
    ...params,
    properties: { ...properties, key },
    required: params.required.map((name) => (name === '*' ? 'key' : name)),
  };
  return { schema: { ...schema, params: named }, url: `${url.slice(0, -1)}:key` };
};
