/** Authentication: who a client is, and what it gets to say so. Everything is kept in `gateway.state`. */
import { setImmediate } from 'node:timers/promises';
import type { Config, Logger, MaillonNode } from '../../node/index.ts';
import type { Clock } from '../../protocols/common/clock.ts';
import type { Tenants } from '../core/tenants.ts';
import { openState, type State } from '../state/index.ts';
import { ApiKeyRing } from './api-key-ring.ts';
import { ApiKeys, type KeyHolder, OPERATOR_SCOPES, SCOPES, sweepApiKeys } from './api-keys.ts';
import { Apps } from './apps.ts';
import { CredentialStatuses } from './credential-status.ts';
import { OPERATOR_SUBJECT } from './custody.ts';
import { Authenticator } from './identity.ts';
import { SWEEP_BATCH } from './limits.ts';
import { Nonces } from './nonces.ts';
import { loadSecrets } from './secrets.ts';
import { Sessions, sweepEnded, sweepRevoked } from './sessions.ts';
import { SigningKeys } from './signing-keys.ts';
import { SignIns } from './siwx.ts';
import { Tickets } from './tickets.ts';
import { Tokens } from './tokens.ts';
import { WalletPromises, walletPromisesInit } from './wallet-promises.ts';

export interface AuthComponents {
  readonly node: Pick<
    MaillonNode,
    | 'owner'
    | 'delegate'
    | 'checkChain'
    | 'namespaces'
    | 'sponsor'
    | 'endSponsorship'
    | 'walletShares'
    | 'status'
  >;
  readonly tenants: Tenants;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Authentication for the clients of one gateway. */
export interface Auth {
  readonly state: State;
  readonly keys: SigningKeys;
  readonly tokens: Tokens;
  readonly nonces: Nonces;
  readonly signIns: SignIns;
  readonly sessions: Sessions;
  readonly apiKeys: ApiKeys;
  readonly apps: Apps;
  readonly authenticator: Authenticator;
  readonly standings: CredentialStatuses;
  readonly tickets: Tickets;
  readonly promises: WalletPromises;
  /** API keys of a wallet in one of its namespaces. */
  keysOf(wallet: KeyHolder): ApiKeyRing;
  /** API keys of the gateway's operator. */
  operatorKeys(): ApiKeyRing;
  /** Why nobody can sign in now; null when they can. Asks again where there was a fault: the next answer knows. */
  fault(): string | null;
  /** Deletes what has ended. */
  sweep(): Promise<void>;
}

/** Throws `bad_secret_file`, `bad_state_url`, `bad_credentials_file`. */
export function createAuth({ node, tenants, logger, clock }: AuthComponents, config: Config): Auth {
  const state = openState({ logger }, config);
  const secrets = loadSecrets(config);
  const keys = new SigningKeys({ state, secrets, clock });
  const operator = (): string => node.owner;
  const tokens = new Tokens({ keys, clock, issuer: operator });
  const sessions = new Sessions({ state, clock });
  const apiKeys = new ApiKeys({ state, secrets, clock });
  const nonces = new Nonces({ clock, secrets });
  const authenticator = new Authenticator({ tokens, sessions, apiKeys, clock, tenants, node });
  const ring = { apiKeys, authenticator };
  return {
    state,
    keys,
    tokens,
    nonces,
    signIns: new SignIns({ node, nonces, clock }, { swarm: config.swarm }),
    sessions,
    apiKeys,
    apps: new Apps({ state, clock }),
    authenticator,
    standings: new CredentialStatuses({ sessions, apiKeys, clock, node }),
    tickets: new Tickets({ clock }),
    promises: new WalletPromises({ node, state, clock, logger }, walletPromisesInit(config)),
    keysOf: ({ did, subject, namespace }) =>
      new ApiKeyRing(ring, { did, subject, namespace, scopes: SCOPES }),
    operatorKeys: () =>
      new ApiKeyRing(ring, {
        did: operator(),
        subject: OPERATOR_SUBJECT,
        namespace: undefined,
        scopes: OPERATOR_SCOPES,
      }),
    fault() {
      const { fault } = state;
      if (fault !== null) void state.query('SELECT 1').catch(() => undefined);
      return fault;
    },
    sweep: () => sweep(state, clock.now()),
  };
}

/** Ends early where nothing is left, or the state cannot be asked: the next one goes on. */
export async function sweep(state: Pick<State, 'execute'>, now: number): Promise<void> {
  const signingKeys = { sql: 'DELETE FROM signing_keys WHERE ends_at < ?', args: [now] };
  await state.execute([...sweepEnded(now), sweepApiKeys(now), signingKeys]);
  for (;;) {
    const outcomes = await state.execute(sweepRevoked(now));
    if ((outcomes.at(-1)?.rowsAffected ?? 0) < SWEEP_BATCH) return;
    // SQLite answers in this turn of the event loop
    await setImmediate();
  }
}
