import {
  type ChainVerifier,
  createIdentityMetrics,
  type IdentityMetrics,
} from '../../protocols/identity/index.ts';
import type { NodeCore } from '../core/core.ts';
import type { NodeService } from '../core/feature.ts';
import { Authority } from '../identity/authority.ts';
import { chainCheck } from '../identity/chain-check.ts';
import type { Credentials } from '../identity/credentials.ts';
import { registerIdentityMetrics } from '../identity/metrics.ts';
import { SponsorRegistry } from '../identity/sponsors.ts';
import { SponsorshipMaker } from '../identity/sponsorship-maker.ts';
import {
  createVerifier,
  namingCheck,
  noticeVerifier,
  operatorVerifier,
  ownCredentials,
  sponsorOf,
  termsOf,
} from '../identity/tenancy.ts';
import { createWalletCrypto, type WalletVerifier } from '../identity/wallets/index.ts';
import { registerNamespacesMetrics } from '../namespaces/metrics.ts';
import { NamespacesService } from '../namespaces/service.ts';

/** Access rights, and what shows that this node may. */
export interface Authorisation extends NodeService {
  readonly namespaces: NamespacesService;
  readonly wallets: WalletVerifier;
  readonly metrics: IdentityMetrics;
  readonly verifier: ChainVerifier;
  readonly authority: Authority;
  /** Delegations to this node. */
  readonly credentials: Credentials;
  readonly sponsors: SponsorRegistry;
  readonly sponsorships: SponsorshipMaker;
  /** Terms of a namespace here. */
  readonly termsOf: ReturnType<typeof termsOf>;
  readonly verifyOperator: ReturnType<typeof operatorVerifier>;
  readonly checkChain: ReturnType<typeof chainCheck>;
}

/** Opens the files of policies and revocations, and verifies what the operator delegated to this node. */
export async function create(core: NodeCore): Promise<Authorisation> {
  const { crypto, clock, config, identity, operator, meter } = core;
  const { swarm } = config;
  await using closing = new AsyncDisposableStack();
  const sponsored = config['storage.sponsored'];
  const list = { owner: operator.did, sponsored };
  const wallets = createWalletCrypto();
  closing.defer(() => wallets.stop());
  const metrics = createIdentityMetrics();
  const components = { crypto, wallets, clock, metrics };
  const verifier = createVerifier(components, swarm);
  const isRevoked: Authority['isRevoked'] = (...call) => authority.isRevoked(...call);
  const verify = noticeVerifier(verifier, { swarm, isRevoked });
  const isNamed = namingCheck({ crypto, isRevoked }, { swarm });
  const namespaces = new NamespacesService(
    { ...core, verify, isNamed },
    { swarm, data: config.data, isSponsored: sponsorOf(list) },
  );
  closing.defer(() => namespaces.stop());
  const authority = new Authority({ verifier, namespaces }, { swarm });
  const credentials = await ownCredentials({ ...components, authority }, { identity, operator, swarm });
  const sponsors = new SponsorRegistry({ namespaces, crypto }, { swarm });
  const making = { crypto, clock, identity, operator, namespaces };
  if (meter !== null) {
    registerIdentityMetrics(meter, { metrics, wallets });
    registerNamespacesMetrics(meter, namespaces);
  }
  const open = closing.move();
  return {
    namespaces,
    wallets,
    metrics,
    verifier,
    authority,
    credentials,
    sponsors,
    sponsorships: new SponsorshipMaker(making, { swarm, sponsored }),
    termsOf: termsOf({ namespaces, sponsors }, list),
    verifyOperator: operatorVerifier(verifier, { swarm }),
    checkChain: chainCheck({ authority, crypto, clock }, { swarm }),
    start: () => namespaces.start(),
    stop: () => open.disposeAsync(),
    scoreOf: (peer) => namespaces.scoreOf(peer),
    probe: () => {
      const { fault, counts } = namespaces;
      const detail = fault ?? `${counts.policies} policies and ${counts.revocations} revocations kept`;
      return [{ name: 'namespaces', ok: fault === null, detail }];
    },
  };
}
