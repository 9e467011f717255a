/** Why a gateway was not reached, and what to do about it: the one sentence that an error deserves. */
import { connect as connectTls } from 'node:tls';
import { type Asked, NOT_MAILLON } from './asked.ts';

export interface Diagnosis {
  /** The cause for programs. */
  readonly cause: string;
  readonly message: string;
  /** Next step to take. */
  readonly next: string;
}

/** For one look at what answers there. */
const PROBE_TIMEOUT_MS = 3000;
/** Errors within errors that are looked at. */
const DEPTH_MAX = 8;
/** Names of a certificate that are shown. */
const NAMES_SHOWN = 4;

/** Where a request goes, as the texts need it. */
interface Target extends Asked {
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly isTls: boolean;
}

/** The cause of a request to `asked` that failed with `error`. */
export async function diagnose(asked: Asked, error: unknown): Promise<Diagnosis> {
  const { host, hostname, port, protocol } = new URL(asked.url);
  const isTls = protocol === 'https:';
  const target = { ...asked, host, hostname, port: port || (isTls ? '443' : '80'), isTls };
  const faults = faultsOf(error);
  if (faults.some(({ code }) => code === NOT_MAILLON)) return notMaillon(asked);
  if (faults.some(({ error: { message } }) => message === 'bad port')) return portBlocked(target);
  for (const { code, error: fault } of faults) {
    const known = explainNetwork(code, target) ?? explainTls(code, target, fault);
    if (known !== null) return known;
  }
  if (!isTls && (await speaksTls(target))) {
    const next = `ask with TLS: ${target.option} https://${host}`;
    return { cause: 'tls_expected', message: `${host} speaks TLS and was asked without it`, next };
  }
  if (faults.some(({ code }) => code === 'HTTPParserError' || code.startsWith('HPE_'))) {
    return {
      cause: 'not_http',
      message: `what listens at ${host} does not speak HTTP`,
      next: rightUrl(target),
    };
  }
  if (faults.some(({ code }) => code === 'ECONNRESET' || code === 'UND_ERR_SOCKET')) {
    const message = `${host} closed the connection before it answered`;
    return { cause: 'closed', message, next: `try again; if it stays so: ${rightUrl(target)}` };
  }
  const reason = faults.at(-1)?.error.message ?? 'no cause is known';
  return { cause: 'unknown', message: `${target.url} was not reached: ${reason}`, next: rightUrl(target) };
}

/** Whether what answers at `asked` says that it is Maillon; null where nothing can be told. */
export async function isMaillon({ url, option }: Asked): Promise<boolean | null> {
  try {
    const path = option === '--url' ? '/' : '/livez';
    const response = await fetch(url + path, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
      redirect: 'manual',
    });
    const said = (await response.json().catch(() => null)) as Record<string, unknown> | null;
    return option === '--url' ? said?.['product'] === 'maillon' : said?.['status'] === 'ok';
  } catch {
    return null;
  }
}

/** Diagnosis of a different server. */
export function notMaillon({ url, option }: Asked): Diagnosis {
  const what = option === '--url' ? 'Maillon gateway' : 'admin listener of Maillon';
  const message = `what answers at ${url} is no ${what}`;
  return { cause: NOT_MAILLON, message, next: rightUrl({ url, option }) };
}

function rightUrl({ option }: Asked): string {
  return option === '--url'
    ? 'name the gateway with --url: it is the first line that maillon node prints'
    : 'name the admin listener with --admin: the log of maillon node says where it is';
}

/** https://fetch.spec.whatwg.org/#port-blocking */
function portBlocked({ port, option }: Target): Diagnosis {
  const message = `port ${port} is another protocol's, and HTTP clients do not ask it`;
  return {
    cause: 'port_blocked',
    message,
    next: `have it listen on another port, and name that with ${option}`,
  };
}

interface Fault {
  readonly code: string;
  readonly error: Error;
}

/** The error and what caused it, the innermost last. */
function faultsOf(error: unknown): Fault[] {
  const faults: Fault[] = [];
  let at: unknown = error;
  for (let depth = 0; depth < DEPTH_MAX && at instanceof Error; depth++) {
    const { code, name } = at as Error & { code?: unknown };
    faults.push({ code: typeof code === 'string' ? code : name, error: at });
    at = at.cause ?? (at instanceof AggregateError ? at.errors[0] : undefined);
  }
  return faults;
}

function explainNetwork(code: string, target: Target): Diagnosis | null {
  const { host, hostname, option } = target;
  const another = `name another one with ${option}`;
  switch (code) {
    case 'ECONNREFUSED': {
      const next = `start a node with: npm start, or ${another}`;
      return { cause: 'refused', message: `nothing listens at ${host}: the connection was refused`, next };
    }
    case 'ENOTFOUND':
      return {
        cause: 'name_not_found',
        message: `there is no host ${hostname}`,
        next: `check its spelling, or name it otherwise with ${option}`,
      };
    case 'EAI_AGAIN': {
      const message = `the name server did not say where ${hostname} is`;
      return { cause: 'name_server', message, next: `check the network, or name an address with ${option}` };
    }
    case 'EHOSTUNREACH':
    case 'ENETUNREACH': {
      const message = `there is no route to ${hostname}`;
      return { cause: 'no_route', message, next: `check the network, or ${another}` };
    }
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'TimeoutError':
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT': {
      const message = `${host} did not answer in time`;
      return {
        cause: 'timeout',
        message,
        next: `check host and port in ${option}, and that no firewall is between`,
      };
    }
    default:
      return null;
  }
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
]);
const SELF_SIGNED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
]);
/** OpenSSL's errors for bytes that are no TLS. */
const NO_TLS =
  /^(ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL)|EPROTO)$/;

function explainTls(code: string, target: Target, fault: Error): Diagnosis | null {
  const { host, option } = target;
  const trust = 'trust it: NODE_EXTRA_CA_CERTS=FILE, with the certificate of its authority';
  if (SELF_SIGNED.has(code)) {
    return { cause: 'tls_self_signed', message: `the certificate of ${host} is self-signed`, next: trust };
  }
  if (UNTRUSTED.has(code)) {
    const message = `no authority that is known here signed the certificate of ${host}`;
    return { cause: 'tls_untrusted', message, next: `${trust}; or have the gateway send the whole chain` };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return explainName(target, fault);
  if (code === 'CERT_HAS_EXPIRED') {
    const next = "renew it at the gateway, or set this machine's clock";
    return { cause: 'tls_expired', message: `the certificate of ${host} has expired`, next };
  }
  if (code === 'CERT_NOT_YET_VALID') {
    const message = `the certificate of ${host} is not valid yet`;
    return {
      cause: 'tls_not_yet_valid',
      message,
      next: "set this machine's clock, or the gateway's certificate right",
    };
  }
  if (NO_TLS.test(code)) {
    const message = `${host} does not speak TLS`;
    return { cause: 'tls_missing', message, next: `ask without TLS: ${option} http://${host}` };
  }
  if (/^(ERR_TLS|ERR_SSL|CERT)_/.test(code)) {
    const next = "see the gateway's log, and gateway.tls.cert there";
    return { cause: 'tls', message: `TLS with ${host} failed: ${fault.message}`, next };
  }
  return null;
}

function explainName({ host, hostname, port, option }: Target, fault: Error): Diagnosis {
  const { cert } = fault as Error & { cert?: { readonly subjectaltname?: string } };
  const names = (cert?.subjectaltname ?? '')
    .split(', ')
    .map((name) => name.replace(/^(DNS|IP Address):/, ''))
    .filter((name) => name !== '')
    .slice(0, NAMES_SHOWN);
  const [first = 'NAME'] = names;
  const message = `the certificate of ${host} is for ${names.join(', ') || 'no name'}, not for ${hostname}`;
  const next = `name it as its certificate does: ${option} https://${first.includes(':') ? `[${first}]` : first}:${port}`;
  return { cause: 'tls_wrong_name', message, next };
}

/** Whether something there takes a TLS handshake; whose certificate it has does not matter. */
function speaksTls({ hostname, port }: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const host = hostname.replace(/^\[|\]$/g, '');
    const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => end(false));
    socket.once('secureConnect', () => end(true));
    socket.once('error', () => end(false));
  });
}
