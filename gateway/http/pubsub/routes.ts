import type { AddRoutes } from '../core/feature.ts';
import { publishRoutes } from './publish.ts';
import { sseRoutes } from './sse.ts';
import { websocketRoutes } from './websocket.ts';

export const pubsubRoutes: AddRoutes = (app, context) => {
  publishRoutes(app, context);
  sseRoutes(app, context);
  websocketRoutes(app, context);
};
