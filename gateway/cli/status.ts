import type { AddCommand } from './command.ts';
import { addRemoteOptions, connect, type RemoteOptions } from './remote.ts';
import { properties, say, sayJson } from './terminal.ts';

const HELP = `
Examples:
  $ maillon status
  $ maillon status --url http://127.0.0.1:8081 --json`;

export const addStatus: AddCommand = (program) => {
  const command = program
    .command('status')
    .summary('show how a gateway and its node are')
    .description('Show how a gateway and its node are: version, uptime, peers, mesh, messages.');
  addRemoteOptions(command, "Print the gateway's own JSON.")
    .addHelpText('after', HELP)
    .action(async (options: RemoteOptions) => {
      const client = connect(options);
      const [status, version] = await Promise.all([client.status(), client.version()]);
      if (options.json) return sayJson({ ...status, version });
      const { node, server } = status;
      const thinnest = node.mesh.length === 0 ? 0 : Math.min(...node.mesh);
      say(
        properties([
          ['gateway', options.url],
          ['version', `${version.version} (${version.commit.slice(0, 12)})`],
          ['up', server.uptime],
          ['swarm', node.swarm],
          ['role', node.role],
          ['peer id', node.peerId],
          ['peers', String(node.peers)],
          ['mesh', `at least ${thinnest} of them on each of ${node.mesh.length} shards`],
          ['subscriptions', String(node.relay.subscriptions)],
          ['addresses', node.addresses.join('\n') || 'none: it only dials'],
        ]),
      );
    });
};
