/** Tickets with which a page opens a stream: browsers let a page set no headers on one. */
import { z } from 'zod';
import { TICKET_TTL_MS } from '../../auth/limits.ts';
import { GatewayError } from '../../core/errors.ts';
import { errorResponses } from '../../core/schemas.ts';
import { isoTime } from '../core/go-time.ts';
import type { Routes } from '../core/routes.ts';
import { SSE_PATH, WEBSOCKET_PATH } from '../core/stream-paths.ts';
import type { AuthContext } from './context.ts';

const schema = {
  summary: 'A ticket with which a stream is opened once, in the place of the credential of this request',
  description:
    'As ?ticket= in the URL. It is good at this gateway only, for one route, and for the page (Origin) that asked for it.',
  operationId: 'wsTicket',
  tags: ['auth'],
  body: z
    .strictObject({
      route: z.enum([WEBSOCKET_PATH, SSE_PATH]).optional().describe(`${WEBSOCKET_PATH} unless said`),
    })
    .nullish(),
  response: {
    200: z.object({
      ticket: z.string(),
      expires_in: z.int().describe('seconds'),
      expires_at: z.string().describe('RFC 3339'),
    }),
    ...errorResponses,
  },
};

export function ticketRoutes(app: Routes, { auth }: Pick<AuthContext, 'auth'>): void {
  // a key that only reads opens streams, too
  const options = { config: { needs: 'read' as const }, schema };
  app.post('/v1/auth/ws-ticket', options, async ({ principal, body, headers }) => {
    if (!('did' in principal)) {
      throw new GatewayError(
        'unauthenticated',
        'a ticket stands for a credential: send one with this request',
      );
    }
    const route = body?.route ?? WEBSOCKET_PATH;
    const { ticket, endsAt } = auth.tickets.issue(principal, { route, origin: headers.origin ?? null });
    return { ticket, expires_in: TICKET_TTL_MS / 1000, expires_at: isoTime(endsAt) };
  });
}
