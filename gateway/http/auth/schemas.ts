/** Shapes of the auth routes, as DeBros clients know them. */
import { z } from 'zod';
import { DID_MAX_LENGTH } from '../../../protocols/common/did.ts';
import { NAMESPACE_PATTERN } from '../../../protocols/common/names.ts';
import {
  NONCE_MAX_LENGTH,
  SIGN_IN_MAX_LENGTH,
  STATEMENT_MAX_LENGTH,
} from '../../../protocols/identity/constants.ts';
import {
  DELEGATION_TTL_MAX_MS,
  DELEGATION_TTL_MS,
  LABEL_MAX_LENGTH,
  TOKEN_MAX_LENGTH,
} from '../../auth/limits.ts';
import { SIGN_IN_ACTIONS } from '../../auth/siwx.ts';
import { DEFAULT_NAMESPACE } from '../../core/schemas.ts';

/** Longer than any address. */
const WALLET_MAX_LENGTH = 128;
/** Longer than any signature: a witness in base64. */
const SIGNATURE_MAX_LENGTH = 1024;
/** Longest reference of a chain. */
const CHAIN_ID_MAX_LENGTH = 32;

export const plainNamespace = z
  .string()
  .regex(NAMESPACE_PATTERN, 'must match [a-z0-9-]{1,64}')
  .or(z.literal('').transform(() => undefined))
  .nullish()
  .meta({ type: 'string', pattern: NAMESPACE_PATTERN.source });
/** Where one is begun in. */
const newNamespace = plainNamespace.transform((namespace) => namespace ?? DEFAULT_NAMESPACE);
/** Where it only may repeat one. */
const sameNamespace = plainNamespace.transform((namespace) => namespace ?? undefined);

const walletField = z
  .string()
  .min(1)
  .max(WALLET_MAX_LENGTH)
  .describe('address of an EVM chain, Bitcoin (segwit) or Solana');
export const labelSchema = z.string().min(1).max(LABEL_MAX_LENGTH);
export const publicKeySchema = z.string().max(2 * LABEL_MAX_LENGTH);
const refreshToken = z.string().max(TOKEN_MAX_LENGTH);
const tokenType = z.literal('Bearer');
const expiresIn = z.int().describe('seconds');

export const challengeBody = z.object({
  wallet: walletField,
  purpose: z.string().max(LABEL_MAX_LENGTH).nullish(),
  namespace: newNamespace,
  type: z
    .enum(['nonce', 'siwx'])
    .nullish()
    .describe(
      'siwx: a sign-in message (CAIP-122, EIP-4361) by which the wallet delegates; the other fields are for that',
    ),
  chain_id: z
    .union([z.string().max(CHAIN_ID_MAX_LENGTH), z.int().min(1).transform(String)])
    .nullish()
    .describe('of the wallet, as in its did:pkh: another chain is another identity. Mainnet when missing'),
  audience: z
    .string()
    .max(DID_MAX_LENGTH)
    .nullish()
    .describe(
      "did:key (Ed25519) that the wallet delegates to: a session key of the client's; the operator's when missing",
    ),
  actions: z
    .array(z.enum(SIGN_IN_ACTIONS))
    .min(1)
    .max(SIGN_IN_ACTIONS.length)
    .nullish()
    .describe('what is delegated; all of them when missing'),
  statement: z
    .string()
    .min(1)
    .max(STATEMENT_MAX_LENGTH)
    .nullish()
    .describe('shown to the user; ASCII, no quotes'),
  expires_in: z
    .int()
    .min(1)
    .max(DELEGATION_TTL_MAX_MS / 1000)
    .nullish()
    .describe(`seconds; ${DELEGATION_TTL_MS / 1000} when missing`),
});

const proofFields = {
  wallet: walletField,
  nonce: z.string().min(1).max(NONCE_MAX_LENGTH).describe('of a challenge for this wallet and namespace'),
  signature: z
    .string()
    .min(1)
    .max(SIGNATURE_MAX_LENGTH)
    .describe('over the nonce: EIP-191 in hex; Ed25519 (Solana) or BIP-322 simple (Bitcoin) in base64'),
  namespace: newNamespace,
  chain_type: z.string().max(16).nullish().describe('EVM, SOL or BTC; the address tells when missing'),
};
export const proofBody = z.object(proofFields);
export type ProofBody = z.output<typeof proofBody>;
export const verifyBody = z
  .object({
    ...proofFields,
    wallet: walletField.optional(),
    nonce: proofFields.nonce.optional(),
    namespace: sameNamespace,
    message: z
      .string()
      .min(1)
      .max(SIGN_IN_MAX_LENGTH)
      .optional()
      .describe('of a challenge of type siwx, to the letter; in the place of wallet and nonce'),
  })
  .transform(({ wallet, nonce, namespace, message, ...rest }, context) => {
    if (message !== undefined) return { ...rest, kind: 'message' as const, message, namespace };
    if (wallet !== undefined && nonce !== undefined) {
      return { ...rest, kind: 'nonce' as const, wallet, nonce, namespace: namespace ?? DEFAULT_NAMESPACE };
    }
    context.addIssue({
      code: 'custom',
      path: [wallet === undefined ? 'wallet' : 'nonce'],
      message: 'is missing',
    });
    return z.NEVER;
  });
export const registerBody = z.object({ ...proofFields, name: labelSchema });
export const apiKeyBody = z.object({ ...proofFields, plan: z.string().max(LABEL_MAX_LENGTH).nullish() });
export const refreshBody = z
  .object({ refresh_token: refreshToken.nullish(), namespace: sameNamespace })
  .nullish();
export const logoutBody = z
  .object({ refresh_token: refreshToken.nullish(), namespace: sameNamespace, all: z.boolean().nullish() })
  .nullish();

export const challengeAnswer = z.object({
  wallet: z.string(),
  namespace: z.string(),
  nonce: z.string(),
  purpose: z.string(),
  expires_at: z.string().describe('RFC 3339'),
  message: z.string().optional().describe('siwx: what the wallet signs'),
  audience: z.string().optional().describe('siwx: whom it delegates to'),
  resources: z.array(z.string()).optional().describe('siwx: what it delegates'),
});

const CUSTODIES = {
  gateway: 'the gateway signs, in a namespace that its operator holds for the wallet',
  operator: "the gateway signs, in a namespace of its operator's own",
  delegated:
    "the gateway signs in the wallet's own namespace, within what the wallet delegated to its operator",
  client:
    "the client signs in the wallet's own namespace, with a key that the wallet delegated to: the gateway carries",
} as const;
const custody = z.enum(Object.keys(CUSTODIES) as (keyof typeof CUSTODIES)[]).describe(
  Object.entries(CUSTODIES)
    .map(([name, what]) => `${name}: ${what}`)
    .join('; '),
);

export const verifyAnswer = z.object({
  access_token: z.string(),
  token_type: tokenType,
  expires_in: expiresIn,
  refresh_token: z.string(),
  subject: z.string(),
  namespace: z.string(),
  nonce: z.string(),
  signature_verified: z.literal(true),
  api_key: z.string().optional().describe('missing after a siwx message: a delegation is for its session'),
  custody: custody.optional().describe('only after a siwx message'),
  delegation: z
    .string()
    .optional()
    .describe(
      'after a siwx message: the link (CACAO) that the wallet signed, in base64: the first of chains',
    ),
});
const appFields = {
  app_id: z.string(),
  name: z.string(),
  public_key: z.string(),
  namespace: z.string(),
};
export const appAnswer = z.object(appFields);
export const registerAnswer = z.object({
  client_id: z.string(),
  app: z.object({ ...appFields, wallet: z.string() }),
  signature_verified: z.literal(true),
});
export const apiKeyAnswer = z.object({
  api_key: z.string(),
  namespace: z.string(),
  plan: z.literal('free'),
  wallet: z.string(),
});
export const tokenAnswer = z.object({
  access_token: z.string(),
  token_type: tokenType,
  expires_in: expiresIn,
  namespace: z.string(),
});
export const refreshAnswer = z.object({
  access_token: z.string(),
  token: z.string().describe('the same, for clients that look for it here'),
  token_type: tokenType,
  expires_in: expiresIn,
  refresh_token: z.string().optional().describe('missing where the request brought none'),
  subject: z.string(),
  namespace: z.string(),
});
export const logoutAnswer = z.object({
  status: z.literal('ok'),
  revoked: z.union([z.literal(1), z.literal('all')]),
});
const delegation = z
  .object({
    digest: z.string().describe('SHA-256 in hex: what a revocation names'),
    audience: z.string().describe('did:key that the wallet delegated to'),
    resources: z.array(z.string()),
    expires_at: z.int().describe('seconds since the Unix epoch'),
    link: z.string().describe('CACAO in base64'),
  })
  .meta({ id: 'WalletDelegation', description: 'What the wallet delegated with its sign-in' });
export const whoamiAnswer = z.union([
  z.object({
    authenticated: z.literal(true),
    method: z.literal('jwt'),
    subject: z.string(),
    issuer: z.string(),
    audience: z.string(),
    issued_at: z.int(),
    not_before: z.int(),
    expires_at: z.int(),
    namespace: z.string(),
    custody,
    delegation: delegation.optional().describe('missing where the custody is the gateway’s'),
  }),
  z.object({ authenticated: z.literal(true), method: z.literal('api_key'), namespace: z.string(), custody }),
  z.object({ authenticated: z.literal(true), method: z.literal('operator'), namespace: z.string() }),
]);
export const jwksAnswer = z.object({
  keys: z.array(
    z.object({
      kty: z.literal('OKP'),
      crv: z.literal('Ed25519'),
      x: z.string(),
      kid: z.string(),
      alg: z.literal('EdDSA'),
      use: z.literal('sig'),
    }),
  ),
});
