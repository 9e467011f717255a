import { hasFewItems } from '../common/cbor-bounds.ts';
import { CHAIN_LINK_MAX_BYTES } from '../common/chain.ts';
import type { Crypto } from '../common/crypto.ts';
import { SignedForm } from '../common/signed-form.ts';
import { DELEGATION_BODY_ITEMS, DELEGATION_DOMAIN, DELEGATION_VERSION, LINK_ITEMS_MAX } from './constants.ts';
import { IdentityError } from './errors.ts';
import type { Delegation, SignedLink } from './link.ts';
import { readDelegation } from './validate.ts';

const form = new SignedForm({
  noun: 'delegation',
  version: DELEGATION_VERSION,
  domain: DELEGATION_DOMAIN,
  items: DELEGATION_BODY_ITEMS,
  maxBytes: CHAIN_LINK_MAX_BYTES,
  fail: (fault, message) => new IdentityError(`chain_${fault}`, message),
});

/** The body: everything but the signature, canonical DAG-CBOR. Its SHA-256 is what a revocation names. */
export function encodeDelegationBody(delegation: Delegation): Uint8Array {
  return form.encodeBody([
    delegation.issuer,
    delegation.audience,
    delegation.resources,
    delegation.notBefore,
    delegation.expiry,
    delegation.time,
    delegation.nonce,
    delegation.ext,
  ]);
}

/** The wire form of a body and its signature: the same items, the signature as the tenth. */
export function encodeDelegation(body: Uint8Array, signature: Uint8Array): Uint8Array {
  return form.encode(body, signature);
}

/** Bytes the issuer signs: DAG-CBOR `["maillon/delegation/1", swarm, digest of the body]`. */
export function delegationSigningBytes(swarm: string, digest: Uint8Array): Uint8Array {
  return form.signingBytes(swarm, digest);
}

/** Reads a delegation for `swarm`; the signature is not verified here. Throws `IdentityError`. */
export function decodeDelegation(
  bytes: Uint8Array,
  crypto: Pick<Crypto, 'sha256'>,
  swarm: string,
): SignedLink {
  form.checkHead(bytes);
  if (!hasFewItems(bytes, LINK_ITEMS_MAX)) {
    throw new IdentityError(
      'chain_malformed',
      `delegation must be at most ${LINK_ITEMS_MAX} items of DAG-CBOR`,
    );
  }
  const { fields, signature } = form.decode(bytes);
  const [issuer, audience, resources, notBefore, expiry, time, nonce, ext] = fields;
  const {
    delegation,
    issuer: issuerKey,
    audience: audienceKey,
    granted,
  } = readDelegation({
    issuer,
    audience,
    resources,
    notBefore,
    expiry,
    time,
    nonce,
    ext,
  });
  checkSignature(signature);
  const body = encodeDelegationBody(delegation);
  form.checkCanonical(bytes, body);
  const digest = crypto.sha256(body);
  return {
    link: {
      kind: 'delegation',
      digest,
      issuer: delegation.issuer,
      audience: delegation.audience,
      resources: granted,
      notBefore: delegation.notBefore,
      expiry: delegation.expiry,
      time: delegation.time,
      domain: null,
      ext: delegation.ext,
    },
    audience: audienceKey,
    proof: {
      kind: issuerKey.curve,
      signer: issuerKey.publicKey,
      message: delegationSigningBytes(swarm, digest),
      signature,
    },
  };
}

const checkSignature: (signature: unknown) => asserts signature is Uint8Array = (signature) =>
  form.checkSignatureField(signature);
