import { z } from 'zod';
import { errorResponses } from '../../../../gateway/core/schemas.ts';
import type { AddRoutes } from '../../../../gateway/http/core/feature.ts';

const schema = {
  summary: 'Has a peer send a text back',
  tags: ['echo'],
  body: z.strictObject({ peer: z.string(), text: z.string() }),
  response: { 200: z.object({ text: z.string() }), ...errorResponses },
};

export const echoRoutes: AddRoutes = (app, { node }) => {
  app.post('/v1/echo', { config: { needs: 'admin' }, schema }, async ({ body: { peer, text } }) => {
    const bytes = await node.feature('echo').echo(peer, Buffer.from(text));
    return { text: Buffer.from(bytes).toString('utf8') };
  });
};
