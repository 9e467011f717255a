/** A client's identity at its gateway, and the renewal of an access token that has ended. */
import { base64ToBytes } from './base64.ts';
import { ClientError, errorFrom } from './errors.ts';
import { DEFAULT_NAMESPACE } from './frames.ts';

/** Tokens that renew a session. */
export interface Tokens {
  readonly accessToken: string;
  /** Good once: each refresh gives another one, and whoever uses an old one ends the session. One client may have it, not two. */
  readonly refreshToken: string;
}

export type Credential =
  | { readonly apiKey: string }
  | {
      readonly accessToken: string;
      readonly refreshToken?: string;
      /** Called with the new tokens before anything is sent with them: keep them, the old ones are worth nothing. */
      readonly onRefreshed?: (tokens: Tokens) => void | Promise<void>;
    };

/** Sends one request, without a credential. */
export type Post = (path: string, body: object) => Promise<Response>;

const UNAUTHENTICATED = 401;

export class CredentialHolder {
  /** The default for requests that name no namespace. */
  readonly namespace: string;
  readonly #post: Post;
  readonly #onRefreshed: ((tokens: Tokens) => void | Promise<void>) | undefined;
  #authorization: string;
  #refreshToken: string | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(components: { readonly post: Post }, credential: Credential) {
    this.#post = components.post;
    if ('apiKey' in credential) {
      this.#authorization = `ApiKey ${credential.apiKey}`;
      this.namespace = credential.apiKey.split(':')[1] ?? DEFAULT_NAMESPACE;
    } else {
      this.#authorization = bearer(credential.accessToken);
      this.#refreshToken = credential.refreshToken;
      this.#onRefreshed = credential.onRefreshed;
      this.namespace = namespaceOf(credential.accessToken);
    }
  }

  /** The header that says it now. */
  get authorization(): string {
    return this.#authorization;
  }

  /**
   * Whether there is another one than `refused` now, with which to try once more. Requests that are refused together wait for one
   * refresh. Throws `ClientError`: `unauthenticated` when the session has ended.
   */
  async renew(refused: string): Promise<boolean> {
    if (this.#authorization !== refused) return true;
    if (this.#refreshToken === undefined) return false;
    this.#refreshing ??= this.#refresh(this.#refreshToken).finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
    return true;
  }

  async #refresh(refreshToken: string): Promise<void> {
    const response = await this.#post('/v1/auth/refresh', { refresh_token: refreshToken });
    const answer: unknown = await response.json().catch(() => null);
    if (!response.ok) {
      const error = errorFrom(answer, response.status);
      if (response.status !== UNAUTHENTICATED) throw error;
      this.#refreshToken = undefined;
      throw new ClientError('unauthenticated', UNAUTHENTICATED, 'the session has ended: sign in again', {
        cause: error,
      });
    }
    const tokens = tokensOf(answer);
    this.#authorization = bearer(tokens.accessToken);
    this.#refreshToken = tokens.refreshToken;
    await this.#onRefreshed?.(tokens);
  }
}

function bearer(token: string): string {
  return `Bearer ${token}`;
}

function tokensOf(answer: unknown): Tokens {
  const { access_token: accessToken, refresh_token: refreshToken } = Object(answer) as Record<
    string,
    unknown
  >;
  if (typeof accessToken === 'string' && typeof refreshToken === 'string')
    return { accessToken, refreshToken };
  throw new ClientError('bad_answer', 0, 'the server refreshed a session without new tokens');
}

/** As the token says: the gateway decides what it is worth. */
function namespaceOf(token: string): string {
  try {
    const [, claims = ''] = token.split('.');
    const bytes = base64ToBytes(claims.replaceAll('-', '+').replaceAll('_', '/'));
    const { namespace } = JSON.parse(new TextDecoder().decode(bytes)) as { namespace?: unknown };
    return typeof namespace === 'string' ? namespace : DEFAULT_NAMESPACE;
  } catch {
    return DEFAULT_NAMESPACE;
  }
}
