import { type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../protocols/common/clock.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { NAMESPACE_PATTERN } from '../../protocols/common/names.ts';
import { GatewayError } from '../core/errors.ts';
import { ACCESS_TOKEN_TTL_MS, CLOCK_SKEW_MS, TOKEN_MAX_LENGTH } from './limits.ts';
import type { SigningKeys } from './signing-keys.ts';

/** The only algorithm that is signed with or taken, whatever a token says. */
const ALGORITHM = 'EdDSA';
const TYPE = 'JWT';
const AUDIENCE = 'gateway';
const KID = /^[A-Za-z0-9_-]{16}$/;

const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.literal(AUDIENCE),
  iat: z.int(),
  nbf: z.int(),
  exp: z.int(),
  namespace: z.string().regex(NAMESPACE_PATTERN),
  did: z.string(),
  /** The session it belongs to, or the id of the API key it was made from. */
  origin: z.string(),
  scope: z.string(),
  /** Set for a session within a delegation, which its state records; missing where the operator holds the namespace. */
  custody: z.enum(['delegated', 'client']).optional(),
});

/** A token's claims. Times are seconds since the Unix epoch. */
export type Claims = z.output<typeof claimsSchema>;
export type TokenSubject = Pick<Claims, 'sub' | 'namespace' | 'did' | 'origin' | 'scope' | 'custody'>;

export interface IssuedToken {
  readonly token: string;
  readonly expiresInSeconds: number;
}

export interface TokensComponents {
  readonly keys: SigningKeys;
  readonly clock: Clock;
  /** DID of whose gateways these are: tokens of another operator's are not taken. */
  readonly issuer: () => string;
}

/** Access tokens: JWTs signed with Ed25519, good at every gateway of the operator. */
export class Tokens {
  readonly #components: TokensComponents;

  constructor(components: TokensComponents) {
    this.#components = components;
  }

  async issue(subject: TokenSubject): Promise<IssuedToken> {
    const { keys, clock, issuer } = this.#components;
    const { kid, privateKey } = await keys.current();
    const now = Math.floor(clock.now() / 1000);
    const expiresInSeconds = ACCESS_TOKEN_TTL_MS / 1000;
    const payload: JWTPayload & Claims = {
      ...subject,
      iss: issuer(),
      aud: AUDIENCE,
      iat: now,
      nbf: now,
      exp: now + expiresInSeconds,
    };
    const token = await new SignJWT(payload)
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid })
      .sign(privateKey);
    return { token, expiresInSeconds };
  }

  /** The token's claims; null when it is not one of these, or not valid now. Rejects where that cannot be told. */
  async verify(token: string): Promise<Claims | null> {
    if (token.length > TOKEN_MAX_LENGTH) return null;
    const { clock, issuer } = this.#components;
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.#keyOf(kid), {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: issuer(),
        audience: AUDIENCE,
        clockTolerance: CLOCK_SKEW_MS / 1000,
        currentDate: new Date(clock.now()),
      });
      return claimsSchema.parse(payload);
    } catch (error) {
      // an own error is no property of the token
      if (error instanceof CodedError && !(error instanceof UnknownKeyError)) throw error;
      return null;
    }
  }

  async #keyOf(kid: unknown) {
    const key = typeof kid === 'string' && KID.test(kid) ? await this.#components.keys.find(kid) : null;
    if (key === null) throw new UnknownKeyError();
    return key.publicKey;
  }
}

class UnknownKeyError extends GatewayError {
  constructor() {
    super('unauthenticated', 'the token names no key of this gateway');
  }
}
