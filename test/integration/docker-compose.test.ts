/** The composition without an engine: each service a process in a network namespace, its volumes directories. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { prepare } from '../../docker/prepare.ts';
import { canUseNamespaces, type Host, Topology } from '../support/namespaces.ts';
import { type Program, scratch, until } from '../support/processes.ts';
import { ROOT } from '../support/sources.ts';

const skip = canUseNamespaces() ?? false;

interface Service {
  readonly image: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
}

interface Scraping {
  readonly scrape_configs: readonly {
    readonly static_configs: readonly { readonly targets: readonly string[] }[];
  }[];
}

function readYaml(path: string): unknown {
  return parse(readFileSync(join(ROOT, 'docker', path), 'utf8'), { merge: true });
}

const { services } = readYaml('compose.yaml') as { services: Record<string, Service> };
const ours = Object.entries(services).filter(
  ([name, { image }]) => image === 'maillon:local' && name !== 'prepare',
);

/** A service's process: paths of the container are put below `root`, where its volumes are. */
function startService(t: TestContext, host: Host, service: Service, root: string): Program {
  const mounts = service.volumes.map((mount) => mount.split(':') as [string, string]);
  const outside = (text: string): string => {
    const mount = mounts.find(([, inside]) => text === inside || text.startsWith(`${inside}/`));
    return mount === undefined ? text : join(root, mount[0], text.slice(mount[1].length));
  };
  const environment = { MAILLON_DATA: '/data', ...service.environment };
  const env = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, outside(value)]));
  return host.maillon(t, service.command, { cwd: root, env });
}

/** Fetches `url` on `host` with the token in `file`; the status and the body. */
function scrape(host: Host, url: string, file: string): { status: number; body: string } {
  const code = `
    const [url, token] = process.argv.slice(1);
    const answer = await fetch(url, { headers: { authorization: 'Bearer ' + token } });
    console.log(JSON.stringify({ status: answer.status, body: await answer.text() }));`;
  const args = ['--input-type=module', '--eval', code, '--', url, readFileSync(file, 'utf8')];
  return JSON.parse(host.run(process.execPath, ...args)) as { status: number; body: string };
}

test('the services find each other by what "prepare" made, and Prometheus scrapes them', {
  skip,
}, async (t) => {
  const net = new Topology(t);
  const root = scratch(t);
  await prepare(root);
  const hosts = new Map([...ours.map(([name]) => name), 'prometheus'].map((name) => [name, net.host(name)]));
  const names = Object.fromEntries([...hosts].map(([name, { address }]) => [name, address]));
  for (const host of hosts.values()) host.knowNames(names);
  for (const [name, service] of ours) {
    const program = startService(t, hosts.get(name) as Host, service, root);
    await until(`${name} is up`, () => program.stderr.includes('node started'));
  }

  const { scrape_configs: jobs } = readYaml('prometheus.yml') as Scraping;
  const targets = jobs.flatMap((job) => job.static_configs.flatMap((group) => group.targets));
  assert.equal(targets.length, ours.length);
  const prometheus = hosts.get('prometheus') as Host;
  const token = join(root, 'prometheus-secrets/admin.token');
  for (const target of targets) {
    await until(`${target} is scraped and has peers`, () => {
      const { status, body } = scrape(prometheus, `http://${target}/metrics`, token);
      assert.equal(status, 200, target);
      const peers = Array.from(body.matchAll(/^maillon_network_peers\{.*\} (\d+)$/gm), ([, count]) =>
        Number(count),
      );
      return peers.length > 0 && peers.reduce((sum, count) => sum + count, 0) > 0;
    });
  }

  const gateway = hosts.get('gateway-1') as Host;
  const within = gateway.run(
    process.execPath,
    '--eval',
    `fetch('http://127.0.0.1:8080/livez').then(({ status }) => console.log(status))`,
  );
  assert.equal(within.trim(), '200', 'it answers in its own network');
  const outside = prometheus.run(
    process.execPath,
    '--eval',
    `const ask = (path) => fetch('http://gateway-1:8080' + path).then(({ status }) => status);
    Promise.all(['/livez', '/v1/kv/default'].map(ask)).then((all) => console.log(all.join()))`,
  );
  assert.equal(outside.trim(), '200,401', 'other containers do, and are asked for a credential');

  const tokenFile = `MAILLON_ADMIN_TOKEN_FILE=${join(root, 'node-secrets/admin.token')}`;
  const script = join(ROOT, 'docker/operator-key.ts');
  const key = gateway.run('env', tokenFile, process.execPath, script, 'demo').trim();
  const listed = prometheus.run(
    process.execPath,
    '--eval',
    `fetch('http://gateway-1:8080/v1/kv/default', { headers: { 'x-api-key': process.argv[1] } })
      .then(({ status }) => console.log(status))`,
    key,
  );
  assert.equal(listed.trim(), '200', 'the operator has one made in the container');
});
