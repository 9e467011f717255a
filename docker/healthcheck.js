/** Ends with 0 when the admin listener in this container answers /livez, which needs no token, and with 1 otherwise. */
const port = process.env['MAILLON_ADMIN_PORT'] || 9464;
const host = process.env['MAILLON_ADMIN_HOST'] || '127.0.0.1';
/** Docker gives it 5 s. */
const TIMEOUT_MS = 4000;

/** An address that means all of them is reached at loopback. */
const reached = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host);

try {
  const { status } = await fetch(`http://${reached}:${port}/livez`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  process.exitCode = status === 200 ? 0 : 1;
} catch {
  process.exitCode = 1;
}
