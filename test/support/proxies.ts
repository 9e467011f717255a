/** Reverse proxies that people put before a gateway, each in the form that its own introduction shows. */
import { accessSync, chownSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { type Cleanup, Program, until } from './processes.ts';
import { rawRequest } from './raw-http.ts';

/** Debian has these where only root looks. */
const SYSTEM_PATHS = ['/usr/sbin', '/sbin'];
const APACHE_MODULES = '/usr/lib/apache2/modules';

interface Ports {
  /** Where the proxy listens. */
  readonly own: number;
  /** The gateway's. */
  readonly gateway: number;
}

export interface Proxy {
  readonly name: string;
  readonly program: string;
  /** Its configuration, in `directory`, which it may write to. */
  config(ports: Ports, directory: string): string;
  args(config: string): readonly string[];
}

function nginx(name: string, more: string): Proxy {
  return {
    name,
    program: 'nginx',
    args: (config) => ['-e', 'stderr', '-c', config],
    config: ({ own, gateway }, directory) => `
      daemon off; master_process off; pid ${directory}/pid; error_log stderr;
      events {}
      http {
        access_log off; client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
        fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
        server { listen 127.0.0.1:${own}; location / { proxy_pass http://127.0.0.1:${gateway}; ${more} } }
      }`,
  };
}

export const NGINX = nginx('nginx', '');
export const NGINX_1_1 = nginx(
  'nginx with proxy_http_version 1.1',
  'proxy_http_version 1.1; proxy_set_header Connection "";',
);

export const HAPROXY: Proxy = {
  name: 'HAProxy',
  program: 'haproxy',
  args: (config) => ['-db', '-f', config],
  config: ({ own, gateway }) => `
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend all
  bind 127.0.0.1:${own}
  default_backend gateway
backend gateway
  server one 127.0.0.1:${gateway}
`,
};

export const CADDY: Proxy = {
  name: 'Caddy',
  program: 'caddy',
  args: (config) => ['run', '--adapter', 'caddyfile', '--config', config],
  config: ({ own, gateway }) => `
{
  admin off
}
http://:${own} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${gateway}
}
`,
};

export const APACHE: Proxy = {
  name: 'Apache',
  program: 'apache2',
  args: (config) => ['-X', '-f', config],
  config: ({ own, gateway }, directory) => `
${['mpm_event', 'authz_core', 'proxy', 'proxy_http'].map((name) => `LoadModule ${name}_module ${APACHE_MODULES}/mod_${name}.so`).join('\n')}
ServerName localhost
Listen 127.0.0.1:${own}
DefaultRuntimeDir ${directory}
PidFile ${directory}/pid
ErrorLog ${directory}/error.log
ProxyPass / http://127.0.0.1:${gateway}/
`,
};

/** Where its program is; null where it is not installed. */
export function whereIs({ program }: Proxy): string | null {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_PATHS];
  const paths = directories.map((directory) => join(directory, program));
  return paths.find((path) => isExecutable(path)) ?? null;
}

/** Starts it before the gateway at `url`, as `uid`. Resolves to its own URL once it forwards. */
export async function startProxy(
  t: Cleanup,
  proxy: Proxy,
  { url, uid, directory }: { url: string; uid: number; directory: string },
): Promise<string> {
  const own = join(directory, `${proxy.name.replaceAll(/\W+/g, '-')}-${uid}`);
  mkdirSync(own);
  const port = await freePort();
  const config = join(own, 'config');
  writeFileSync(config, proxy.config({ own: port, gateway: Number(new URL(url).port) }, own));
  chownSync(own, uid, uid);
  const env = { HOME: own, XDG_DATA_HOME: own, XDG_CONFIG_HOME: own };
  const isOther = uid !== process.getuid?.();
  const program = new Program(t, whereIs(proxy) ?? proxy.program, proxy.args(config), {
    env,
    cwd: own,
    ...(isOther ? { uid } : {}),
  });
  const ended = program.exit.then((code) => {
    throw new Error(`${proxy.name} ended with ${code}: ${program.stderr}`);
  });
  // it is killed after the test
  ended.catch(() => undefined);
  const at = `http://127.0.0.1:${port}`;
  const forwards = until(`${proxy.name} forwards`, async () => {
    const answer = await rawRequest(at, '/livez', { headers: { host: 'localhost' } }).catch(() => null);
    return answer?.status === 200;
  });
  await Promise.race([forwards, ended]);
  return at;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
