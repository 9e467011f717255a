import { createServer } from 'node:net';

/** Below what the system hands out for outgoing connections, so that a port is still free when its node comes back. */
const FIRST = 10_000;
const LAST = 30_000;
let next = FIRST + ((process.pid * 37) % (LAST - FIRST));

/** Loopback ports that are free now, and that nobody gets by chance. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    next = next >= LAST ? FIRST : next + 1;
    const port = next;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
