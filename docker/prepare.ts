/**
 * Makes what the containers of compose.yaml must have before they start, on their volumes, once: the bootstrap peer's key, the
 * settings file with its address for all others, the development owner's key, the admin token and Grafana's password. It leaves
 * existing files unchanged. Secrets are files of mode 0600 that belong to who reads them.
 *
 *     node docker/prepare.ts [directory the volumes are mounted in, /volumes]
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadToken } from '../gateway/admin/token.ts';
import { loadIdentity } from '../node/identity/identity.ts';
import { developmentKey } from '../node/identity/keyring/development.ts';

/** Users the images run as: `node` of ours, `nobody` of Prometheus, `grafana` of Grafana. */
const NODE_USER = 1000;
const PROMETHEUS_USER = 65_534;
const GRAFANA_USER = 472;

const SECRET_MODE = 0o600;
const PASSWORD_BYTES = 18;

/** Prepares the volumes below `root`. Files are given to their users only by root: nobody else may. */
export async function prepare(root: string): Promise<{ readonly bootstrap: string }> {
  const [bootstrapData, swarm, nodeSecrets, prometheusSecrets, grafanaSecrets] = [
    'bootstrap-data',
    'swarm',
    'node-secrets',
    'prometheus-secrets',
    'grafana-secrets',
  ].map((name) => directory(root, name)) as [string, string, string, string, string];

  const { peerId } = await loadIdentity(bootstrapData);
  give(NODE_USER, bootstrapData, join(bootstrapData, 'identity.key'));

  const bootstrap = `/dns4/bootstrap/tcp/4411/p2p/${peerId}`;
  writeFileSync(join(swarm, 'maillon.yaml'), `bootstrap: [${bootstrap}]\n`);

  const token = loadToken(join(nodeSecrets, 'admin.token'));
  const ownerKey = join(nodeSecrets, 'development.key');
  await developmentKey(ownerKey);
  give(NODE_USER, nodeSecrets, join(nodeSecrets, 'admin.token'), ownerKey);
  writeSecret(join(prometheusSecrets, 'admin.token'), token);
  give(PROMETHEUS_USER, prometheusSecrets, join(prometheusSecrets, 'admin.token'));

  const password = join(grafanaSecrets, 'admin.password');
  if (!existsSync(password)) writeSecret(password, randomBytes(PASSWORD_BYTES).toString('base64url'));
  give(GRAFANA_USER, grafanaSecrets, password);
  return { bootstrap };
}

function directory(root: string, name: string): string {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Without a line end: Prometheus and Grafana take the file as it is. */
function writeSecret(path: string, secret: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === secret) return;
  writeFileSync(path, secret, { mode: SECRET_MODE });
  chmodSync(path, SECRET_MODE);
}

function give(user: number, ...paths: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  for (const path of paths) chownSync(path, user, user);
}

if (import.meta.main) {
  const { bootstrap } = await prepare(process.argv[2] ?? '/volumes');
  process.stdout.write(`${bootstrap}\n`);
}
