import type { TimerClock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import type { ChainVerifier } from '../../protocols/identity/index.ts';
import { createJoinMetrics, JoinError, type JoinMetrics } from '../../protocols/join/index.ts';
import type { Config } from '../config/schema.ts';
import type { Probe } from '../core/probe.ts';
import type { NodeView } from '../directory/interface.ts';
import type { Identity } from '../identity/identity.ts';
import type { Membership } from '../identity/membership-file.ts';
import { InvitedOperator, type Operator } from '../identity/operator.ts';
import type { Namespaces } from '../namespaces/interface.ts';
import type { Network } from '../network/libp2p.ts';
import { readNetworkKey } from '../network/swarm-key.ts';
import type { EventLog } from '../observability/events.ts';
import type { Logger } from '../observability/logger.ts';
import { peerOfKey } from '../runtime/peer-ids.ts';
import { Questions } from '../transport/questions.ts';
import { endOf } from './grant.ts';
import { heldElsewhere } from './held-elsewhere.ts';
import type {
  InviteRequest,
  MadeInvite,
  Members,
  MembersView,
  OperatorView,
  RevokedView,
} from './interface.ts';
import { Issuer } from './issuer.ts';
import { JOIN_QUESTIONS } from './limits.ts';
import { Renewal } from './renewal.ts';

export interface JoiningComponents {
  readonly network: Network;
  readonly crypto: Crypto;
  readonly clock: TimerClock;
  readonly identity: Identity;
  readonly operator: Operator;
  readonly verifier: ChainVerifier;
  readonly namespaces: Namespaces;
  readonly nodes: () => readonly NodeView[];
  readonly logger: Logger;
  readonly events: EventLog;
}

export interface JoiningInit {
  readonly config: Config;
  /** This machine's grant; null where it holds the operator's key. */
  readonly membership: Membership | null;
}

/** The operator's machines: where the operator's key is it lets others join, and elsewhere it renews what this one was granted. */
export class Joining implements Members {
  readonly metrics: JoinMetrics = createJoinMetrics();
  readonly #components: JoiningComponents;
  readonly #membership: Membership | null;
  readonly #exchange: Questions;
  readonly #issuer: Issuer | CodedError;
  readonly #renewal: Renewal | null;

  constructor(components: JoiningComponents, { config, membership }: JoiningInit) {
    const { network, logger, operator, crypto } = components;
    this.#components = components;
    this.#membership = membership;
    this.#issuer = issuerOf({ ...components, metrics: this.metrics }, config);
    this.#exchange = new Questions(
      {
        network,
        logger,
        answer: (request, peer) => this.#issuing.answer(request, peer),
        onFault: (peer, error) => {
          if (!(error instanceof JoinError)) logger.warn({ peer, err: error }, 'a request to join failed');
        },
      },
      JOIN_QUESTIONS,
    );
    this.#renewal =
      membership === null || !(operator instanceof InvitedOperator)
        ? null
        : new Renewal(
            { ...components, operator, exchange: this.#exchange },
            { membership, data: config.data, endsAt: endOf(membership, crypto) },
          );
  }

  async start(): Promise<void> {
    if (this.#issuer instanceof Issuer) await this.#exchange.start();
    this.#renewal?.start();
  }

  async stop(): Promise<void> {
    await this.#renewal?.stop();
    if (this.#issuer instanceof Issuer) await this.#exchange.stop();
  }

  probe(): readonly Probe[] {
    const { did, fault } = this.status;
    return [{ name: 'operator', ok: fault === null, detail: fault ?? `this node may act for ${did}` }];
  }

  /** When the delegation to this node ends, milliseconds since the Unix epoch; null for never. */
  get endsAt(): number | null {
    return this.#renewal?.endsAt ?? null;
  }

  get status(): OperatorView {
    const { operator } = this.#components;
    return {
      did: operator.did,
      invitedBy: this.#membership === null ? null : peerOfKey(this.#membership.issuer),
      endsAt: this.endsAt,
      fault: this.#fault,
    };
  }

  async invite(request: InviteRequest): Promise<MadeInvite> {
    return this.#issuing.invite(request);
  }

  async list(): Promise<MembersView> {
    return this.#issuing.list();
  }

  async revoke(target: string): Promise<RevokedView> {
    return this.#issuing.revoke(target);
  }

  get #fault(): string | null {
    const { namespaces, identity, operator } = this.#components;
    const isRevoked = namespaces.revokersOf({ did: identity.author })?.has(operator.did) === true;
    if (isRevoked) {
      return `the operator ${operator.did} revoked this machine: nobody takes what it signs; start with a new data directory and a new invite`;
    }
    if (this.#issuer instanceof CodedError && this.#issuer.code === 'bad_invites')
      return this.#issuer.message;
    return this.#renewal?.fault ?? null;
  }

  /** Throws why this machine makes no invites. */
  get #issuing(): Issuer {
    if (this.#issuer instanceof Issuer) return this.#issuer;
    throw this.#issuer;
  }
}

/** The issuer of invites here, or the reason for its absence. */
function issuerOf(
  components: Omit<JoiningComponents, 'operator'> & {
    readonly operator: Operator;
    readonly metrics: JoinMetrics;
  },
  config: Config,
): Issuer | CodedError {
  const { operator, logger } = components;
  const { signer: owner, did } = operator;
  if (owner === null) return heldElsewhere(did);
  const keyFile = config['network.keyFile'];
  try {
    const networkKey = keyFile === '' ? new Uint8Array() : readNetworkKey(keyFile);
    const { swarm, data } = config;
    return new Issuer({ ...components, owner }, { swarm, data, networkKey });
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'bad_invites') throw error;
    logger.error({ reason: errorMessage(error) }, 'no machine can join through this node');
    return error;
  }
}
