/** Routes whose answer is a stream: a ticket is good at one of them. */
export const WEBSOCKET_PATH = '/v1/pubsub/ws';
export const SSE_PATH = '/v1/pubsub/sse';
