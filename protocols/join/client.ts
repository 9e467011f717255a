import { decodeAnswer, encodeRequest } from './codec.ts';
import { JOIN_REFUSALS, JoinError } from './errors.ts';
import type { Invite, JoinAnswer, JoinRequest } from './invite.ts';

/** Sends one request to the issuer and gives the answer's bytes. */
export type AskIssuer = (request: Uint8Array) => Promise<Uint8Array>;

/** The granted rights. */
export type JoinGrant = Omit<JoinAnswer, 'error'>;

/** Redeems an invite. Throws `JoinError`: the issuer's refusal with what to do, or an answer that cannot be read. */
export async function redeem(
  invite: Pick<Invite, 'id' | 'secret'>,
  name: string,
  ask: AskIssuer,
): Promise<JoinGrant> {
  return askFor({ kind: 'redeem', id: invite.id, secret: invite.secret, name }, ask);
}

/** Asks for the same delegations with a later end. Throws as `redeem`. */
export async function renew(chain: readonly Uint8Array[], name: string, ask: AskIssuer): Promise<JoinGrant> {
  return askFor({ kind: 'renew', chain, name }, ask);
}

async function askFor(request: JoinRequest, ask: AskIssuer): Promise<JoinGrant> {
  const { error, ...granted } = decodeAnswer(await ask(encodeRequest(request)));
  if (error !== '') throw new JoinError(error, JOIN_REFUSALS[error]);
  return granted;
}
