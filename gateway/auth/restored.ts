/** Ends sign-ins in a state that was restored from a backup: the gateway does not know which ended since. */
import type { State } from '../state/index.ts';
import { endNonces } from './nonces.ts';

export interface EndedSignIns {
  readonly sessions: number;
  /** API keys that are good, or were until now. */
  readonly apiKeys: number;
}

/**
 * Ends every session, token and nonce: one that ended after the backup must not come back. API keys stay, since programs would stand still without
 * them; with `isRevokingKeys` they are revoked.
 */
export async function endSignIns(
  state: State,
  { now, isRevokingKeys }: { readonly now: number; readonly isRevokingKeys: boolean },
): Promise<EndedSignIns> {
  const keys = { sql: 'UPDATE api_keys SET revoked_at = ? WHERE revoked_at IS NULL', args: [now] };
  const [counted] = await state.query('SELECT count(*) AS count FROM api_keys WHERE revoked_at IS NULL');
  const [sessions] = await state.execute([
    { sql: 'DELETE FROM sessions' },
    { sql: 'DELETE FROM refresh_tokens' },
    // an access token that names a key which is gone is good nowhere
    { sql: 'DELETE FROM signing_keys' },
    endNonces(now),
    ...(isRevokingKeys ? [keys] : []),
  ]);
  return { sessions: sessions?.rowsAffected ?? 0, apiKeys: Number(counted?.['count'] ?? 0) };
}
