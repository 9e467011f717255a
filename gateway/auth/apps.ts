import { randomBytes } from 'node:crypto';
import type { Clock } from '../../protocols/common/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Row, State, Statement } from '../state/index.ts';
import type { KeyHolder } from './api-keys.ts';
import { APPS_PER_WALLET_MAX } from './limits.ts';
import { badNonce, NONCE_IS_MINE, useNonce } from './nonces.ts';

const ID_BYTES = 12;

export interface App extends KeyHolder {
  readonly id: string;
  readonly name: string;
  readonly publicKey: string;
}

type AppFields = Pick<App, 'name' | 'publicKey'>;

/** Programs that a wallet registered: names for people, they grant nothing. */
export class Apps {
  readonly #state: State;
  readonly #clock: Clock;

  constructor(components: { readonly state: State; readonly clock: Clock }) {
    this.#state = components.state;
    this.#clock = components.clock;
  }

  /** Throws `too_many_apps`; `bad_nonce` where a `nonce` is given that was used. */
  async create(holder: KeyHolder, { name, publicKey }: AppFields, nonce?: string): Promise<App> {
    if ((await this.list(holder)).length >= APPS_PER_WALLET_MAX) {
      throw new GatewayError('too_many_apps', `a wallet may have ${APPS_PER_WALLET_MAX} apps: delete one`);
    }
    const id = `app_${randomBytes(ID_BYTES).toString('base64url')}`;
    const { did, subject, namespace } = holder;
    const insert: Statement = {
      sql: `INSERT INTO apps (id, did, subject, namespace, name, public_key, created_at)
        SELECT ?, ?, ?, ?, ?, ?, ? WHERE ${nonce === undefined ? 'true' : NONCE_IS_MINE} ON CONFLICT DO NOTHING`,
      args: [
        id,
        did,
        subject,
        namespace,
        name,
        publicKey,
        this.#clock.now(),
        ...(nonce === undefined ? [] : [nonce, id]),
      ],
    };
    const [first] = await this.#state.execute(nonce === undefined ? [insert] : [useNonce(nonce, id), insert]);
    if (nonce !== undefined && first?.rowsAffected !== 1) throw badNonce();
    return { id, ...holder, name, publicKey };
  }

  async list({ did, namespace }: KeyHolder): Promise<App[]> {
    const rows = await this.#state.query(
      'SELECT * FROM apps WHERE did = ? AND namespace = ? ORDER BY created_at, id LIMIT ?',
      [did, namespace, APPS_PER_WALLET_MAX],
    );
    return rows.map(appOf);
  }

  async find({ did, namespace }: KeyHolder, id: string): Promise<App | null> {
    const [row] = await this.#state.query('SELECT * FROM apps WHERE did = ? AND namespace = ? AND id = ?', [
      did,
      namespace,
      id,
    ]);
    return row === undefined ? null : appOf(row);
  }

  /** Whether there is such an app of theirs. */
  async update({ did, namespace }: KeyHolder, id: string, fields: Partial<AppFields>): Promise<boolean> {
    const [updated] = await this.#state.execute([
      {
        sql: `UPDATE apps SET name = coalesce(?, name), public_key = coalesce(?, public_key)
          WHERE did = ? AND namespace = ? AND id = ?`,
        args: [fields.name ?? null, fields.publicKey ?? null, did, namespace, id],
      },
    ]);
    return updated?.rowsAffected === 1;
  }

  /** Deletes an app; idempotent. */
  async delete({ did, namespace }: KeyHolder, id: string): Promise<void> {
    await this.#state.execute([
      { sql: 'DELETE FROM apps WHERE did = ? AND namespace = ? AND id = ?', args: [did, namespace, id] },
    ]);
  }
}

function appOf(row: Row): App {
  return {
    id: String(row['id']),
    did: String(row['did']),
    subject: String(row['subject']),
    namespace: String(row['namespace']),
    name: String(row['name']),
    publicKey: String(row['public_key']),
  };
}
