import { type Config, DEFAULTS } from '../../node/index.ts';
import { ownerKeyPath } from './owner.ts';

/**
 * The defaults, but for what a node would share with others on the machine: it listens on free loopback ports and belongs to the tests'
 * owner. `data` is its data directory.
 */
export function testConfig(data: string, settings: Partial<Config> = {}): Config {
  return {
    ...DEFAULTS,
    'identity.ownerKey': ownerKeyPath(),
    data,
    'listen.host': '127.0.0.1',
    'listen.tcp': 0,
    'listen.ws': 0,
    'listen.quic': 0,
    'network.quic': false,
    'gateway.port': 0,
    'admin.port': 0,
    'log.level': 'silent',
    ...settings,
  };
}
