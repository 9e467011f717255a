/** `full` serves the DHT and listens; `light` is a DHT client that only dials. */
export type Role = 'full' | 'light';
