import { isLoopback } from '../protection/guard.ts';
import { COMMAND_LINE_CALLBACK } from './command-line.ts';

/**
 * Whether the login page may hand a session to `callback`: one of `allowed` or the command line's, to the letter, but that a program
 * of the user's own machine may listen on any port (RFC 8252).
 */
export function isAllowedCallback(allowed: readonly string[], callback: string): boolean {
  const url = URL.parse(callback);
  if (
    url === null ||
    url.href !== callback ||
    url.hash !== '' ||
    url.username !== '' ||
    url.password !== ''
  ) {
    return false;
  }
  return [...allowed, COMMAND_LINE_CALLBACK].some((one) => {
    const known = URL.parse(one);
    if (known === null) return false;
    return portless(known) === portless(url) && (isLoopbackHttp(url) || known.host === url.host);
  });
}

function portless({ protocol, hostname, pathname, search }: URL): string {
  return JSON.stringify([protocol, hostname, pathname, search]);
}

function isLoopbackHttp({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && isLoopback(hostname);
}
