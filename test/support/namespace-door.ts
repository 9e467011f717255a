/**
 * Runs inside a network namespace: what connects to a Unix socket, which namespaces do not separate, is passed on
 * to a loopback port there. Arguments: path of the socket, port. Says `open` when it listens.
 */
import { connect, createServer } from 'node:net';

const [path = '', port = ''] = process.argv.slice(2);

const server = createServer((outside) => {
  const within = connect({ host: '127.0.0.1', port: Number(port) });
  outside.on('error', () => within.destroy()).on('close', () => within.destroy());
  within.on('error', () => outside.destroy()).on('close', () => outside.destroy());
  outside.pipe(within).pipe(outside);
});
server.listen(path, () => process.stdout.write('open\n'));
