/** Machines behind routers, that joined by invite. */
import { describe, test } from 'node:test';
import type { MachineInit } from '../support/machine.ts';
import { tryOn } from '../support/machines.ts';
import { canUseNamespaces, type Nat, Topology } from '../support/namespaces.ts';

const skip = canUseNamespaces() ?? false;

/** Behind a router that passes on its port. */
function forwarded(router: Nat): MachineInit {
  const host = router.host('inside');
  router.forwardPort(4411, host);
  return { host, flags: ['--listen-announce', `/ip4/${router.address}/tcp/4411`] };
}

describe('machines behind routers hear each other, and keep what was stored whichever is lost', {
  skip,
}, () => {
  test('two behind routers that forward their ports', async (t) => {
    const net = new Topology(t);
    await tryOn(t, [forwarded(net.nat('left')), forwarded(net.nat('right'))]);
  });

  test('two behind routers, and one with a public address that invited them', async (t) => {
    const net = new Topology(t);
    const [left, right] = [net.nat('left'), net.nat('right')];
    await tryOn(t, [{ host: net.host('a') }, { host: left.host('b') }, { host: right.host('c') }]);
  });
});
