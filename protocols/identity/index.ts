/**
 * Identities and what they let others do: DIDs, resources, delegations from key to key, CACAOs of wallets, chains of
 * them. SPEC.md has the bytes.
 *
 * The granting side is `client.ts`, the verifying one `server.ts`. Whether a chain's root owns anything, and what was
 * revoked, is the node's matter.
 */
export {
  type Curve,
  checkDid,
  DID_MAX_LENGTH,
  type Did,
  type DidKey,
  type DidPkh,
  formatDid,
  parseDid,
  type WalletChain,
} from '../common/did.ts';
export { CACAO_TYPES, decodeCacao, encodeCacao } from './cacao.ts';
export {
  createSignIn,
  type DelegationSigner,
  Delegator,
  type DelegatorComponents,
  decodeSignature,
  ed25519DelegationSigner,
  type Grant,
  type MadeLink,
  makeCacao,
  type SignInRequest,
} from './client.ts';
export { decodeLink } from './codec.ts';
export * from './constants.ts';
export { IDENTITY_LIMITS } from './constants.ts';
export {
  decodeDelegation,
  delegationSigningBytes,
  encodeDelegation,
  encodeDelegationBody,
} from './delegation.ts';
export { checksumAddress } from './eip55.ts';
export { IDENTITY_ERRORS, IdentityError, type IdentityErrorCode } from './errors.ts';
export type { Delegation, Link, Proof, SignedLink, SignIn, VerifiedChain } from './link.ts';
export { createIdentityMetrics, type IdentityMetrics } from './metrics.ts';
export {
  ACTIONS,
  type Action,
  ALL_NAMESPACES,
  type AskedResource,
  checkResource,
  contains,
  formatResource,
  grants,
  parseResource,
  type Resource,
} from './resource.ts';
export {
  type Asked,
  ChainVerifier,
  type ChainVerifierComponents,
  type ChainVerifierInit,
  checkChain,
} from './server.ts';
export { checkDomain, parseSignInMessage, signInMessage } from './sign-in.ts';
