import { randomBytes } from 'node:crypto';
import { createCrypto, heldElsewhere } from '../../../node/keys.ts';
import { systemClock } from '../../../protocols/common/clock.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { parseNamespace } from '../../../protocols/common/names.ts';
import { DURATION_EXAMPLES, parseDuration } from '../../../protocols/common/quantities.ts';
import {
  ACTIONS,
  type Action,
  ALL_NAMESPACES,
  Delegator,
  decodeLink,
  ed25519DelegationSigner,
} from '../../../protocols/identity/index.ts';
import {
  CLOSED_RULES,
  NoticeMaker,
  type PolicyRules,
  type RevocationTarget,
} from '../../../protocols/namespaces/index.ts';
import type { Client, NamespaceView, TakenNotice } from '../../client/index.ts';
import { UsageError } from '../core/errors.ts';
import { harmless, note, say, sayJson } from '../core/terminal.ts';
import { connect, type RemoteOptions } from '../sessions/remote.ts';
import type { SigningOptions } from '../signing/options.ts';
import { formatLink, openSigning, parseLinkText, type Signing } from '../signing/signing.ts';
import { checkDidOption, type RuleOptions, rulesFrom } from './rules.ts';

export interface NamespaceOptions extends RemoteOptions, SigningOptions {}

export interface SetOptions extends NamespaceOptions, RuleOptions {}

export interface GrantOptions extends NamespaceOptions {
  readonly to: string;
  readonly actions: string;
  readonly prefix: string;
  readonly expires: string;
  readonly notBefore?: string;
}

export interface TransferOptions extends NamespaceOptions {
  readonly to: string;
}

export interface SponsorOptions extends NamespaceOptions {
  readonly namespace: string;
}

/** `--expires never`. */
const NEVER = 'never';
const DIGEST = /^[0-9a-f]{64}$/;
const DID_KEY = 'did:key:';

const crypto = createCrypto();

export async function createNamespace(name: string, options: SetOptions): Promise<void> {
  const { client, signing, view } = await open(name, options);
  if (view.policy !== null) {
    const message = `${view.namespace} has a policy already: change it with maillon namespace set`;
    throw new CodedError('policy_conflict', message);
  }
  tell(await setPolicy(client, signing, view, { rules: rulesFrom(CLOSED_RULES, options) }), view, options);
}

export async function setNamespace(name: string, options: SetOptions): Promise<void> {
  const { client, signing, view } = await open(name, options);
  tell(await setPolicy(client, signing, view, { rules: rulesFrom(view.rules, options) }), view, options);
}

export async function transferNamespace(name: string, options: TransferOptions): Promise<void> {
  checkDidOption('--to', options.to);
  const { client, signing, view } = await open(name, options);
  tell(await setPolicy(client, signing, view, { holder: options.to }), view, options);
}

/** The namespace as the gateway knows it: without an owner, one of the key's own. */
export async function viewOf(name: string, options: NamespaceOptions): Promise<NamespaceView> {
  return (await open(name, options)).view;
}

export async function grant(name: string, options: GrantOptions): Promise<void> {
  const { to, prefix } = options;
  checkDidOption('--to', to);
  if (!to.startsWith(DID_KEY)) {
    throw new UsageError('--to must be a did:key: a grant is to a key that signs (maillon keys list)');
  }
  const now = systemClock.now();
  const [notBefore, expiry] = [startOf(options.notBefore, now), endOf(options.expires, now)];
  const actions = actionsOf(options.actions);
  const signing = await openSigning(await connect(options, { isSigned: true }), options);
  const { swarm, signer, chain } = signing;
  const { owner, namespace } = parseScope(name, signing.owner);
  const delegator = new Delegator(
    { crypto, clock: systemClock, signer: ed25519DelegationSigner(signer), randomBytes },
    { swarm },
  );
  const resource = { swarm, owner, namespace, actions, prefix };
  const { bytes, link } = await delegator.delegate({
    audience: to,
    resources: [resource],
    notBefore,
    expiry,
  });
  const lines = [...chain, bytes].map(formatLink);
  if (options.json) {
    const { issuer, audience } = link;
    const digest = Buffer.from(link.digest).toString('hex');
    return sayJson({
      chain: lines,
      digest,
      issuer,
      audience,
      owner,
      namespace,
      actions,
      prefix,
      notBefore,
      expiry,
    });
  }
  say(lines.join('\n'));
  const until = expiry === null ? 'until it is revoked' : `until ${new Date(expiry).toISOString()}`;
  note(
    `${to} may ${actions.join(', ')} in ${namespace}@${owner} ${until}; maillon namespace revoke ${Buffer.from(link.digest).toString('hex')} ends it`,
  );
}

/** Names the gateway's operator, which accepts where it lists the owner. */
export async function sponsor(operator: string, options: SponsorOptions): Promise<void> {
  checkDidOption('the operator', operator);
  const client = await connect(options, { isSigned: true });
  const signing = await openSigning(client, options);
  const { swarm, signer, chain } = signing;
  const { owner, namespace } = parseScope(options.namespace, signing.owner);
  const delegator = new Delegator(
    { crypto, clock: systemClock, signer: ed25519DelegationSigner(signer), randomBytes },
    { swarm },
  );
  const resource = { swarm, owner, namespace, actions: ['sponsor'] as const, prefix: '' };
  const { bytes, link } = await delegator.delegate({ audience: operator, resources: [resource] });
  const taken = await client.sponsor([...chain, bytes]);
  const digest = Buffer.from(link.digest).toString('hex');
  if (options.json) return sayJson({ ...taken, digest });
  const what = namespace === ALL_NAMESPACES ? `all namespaces of ${owner}` : `${namespace}@${owner}`;
  say(`${harmless(taken.as)} accepted: its nodes keep durable replicas of ${what}`);
  note(`maillon namespace revoke ${digest} ends it`);
}

export async function revoke(target: string, options: NamespaceOptions): Promise<void> {
  const client = await connect(options, { isSigned: true });
  const signing = await openSigning(client, options);
  const { as, chain } = signing;
  checkHeldHere(signing);
  const made = await makerOf(signing).revocation({
    target: targetOf(target, signing.swarm),
    time: systemClock.now(),
    as,
    chain,
  });
  const taken = await client.submitNotice(made.bytes);
  if (options.json) sayJson(taken);
  else say(`revoked ${target}, in the name of ${as}: for ever`);
}

interface Opened {
  readonly client: Client;
  readonly signing: Signing;
  readonly view: NamespaceView;
}

async function open(name: string, options: NamespaceOptions): Promise<Opened> {
  const client = await connect(options, { isSigned: true });
  const signing = await openSigning(client, options);
  const { owner, namespace } = parseNamespace(name, signing.owner);
  return { client, signing, view: await client.namespace(`${namespace}@${owner}`) };
}

/** Makes and hands in the policy that follows the one known. */
async function setPolicy(
  client: Client,
  signing: Signing,
  view: NamespaceView,
  change: { readonly rules?: PolicyRules; readonly holder?: string },
): Promise<TakenNotice> {
  const { as, chain } = signing;
  checkHeldHere(signing);
  if (as !== view.holder) {
    const message = `${view.namespace} is held by ${view.holder}, and this would be signed in the name of ${as}: name a --key of the holder, or a --chain from it`;
    throw new CodedError('forbidden', message);
  }
  const { owner, name, holder, rules, policy, sequence } = view;
  const made = await makerOf(signing).policy({
    owner,
    namespace: name,
    sequence: sequence + 1,
    previous: policy === null ? null : new Uint8Array(Buffer.from(policy.digest, 'hex')),
    time: Math.max(systemClock.now(), policy?.time ?? 0),
    holder,
    rules,
    as,
    chain,
    ...change,
  });
  return client.submitNotice(made.bytes);
}

/** An invite never grants policies or revocations. Throws `held_elsewhere`. */
function checkHeldHere({ isInvited, owner }: Signing): void {
  if (isInvited) throw heldElsewhere(owner);
}

function makerOf({ signer, swarm }: Signing): NoticeMaker {
  return new NoticeMaker({ crypto, signer }, { swarm });
}

function tell(taken: TakenNotice, { name, owner }: NamespaceView, { json }: NamespaceOptions): void {
  if (json) return sayJson({ ...taken, name, owner });
  if (taken.kind !== 'policy') return;
  say(`policy ${taken.sequence} of ${name}@${owner}, held by ${harmless(taken.holder)}`);
}

/** A namespace, or all of an owner's. */
function parseScope(text: string, owner: string): { readonly owner: string; readonly namespace: string } {
  if (text === ALL_NAMESPACES) return { owner, namespace: ALL_NAMESPACES };
  if (!text.startsWith(`${ALL_NAMESPACES}@`)) return parseNamespace(text, owner);
  const named = text.slice(ALL_NAMESPACES.length + 1);
  checkDidOption('the owner', named);
  return { owner: named, namespace: ALL_NAMESPACES };
}

function actionsOf(text: string): readonly Action[] {
  const said = text.split(',').map((one) => one.trim());
  const unknown = said.find((one) => !(ACTIONS as readonly string[]).includes(one));
  if (unknown !== undefined) {
    throw new UsageError(`--actions: "${unknown}" is none of ${ACTIONS.join(', ')}`);
  }
  return ACTIONS.filter((action) => said.includes(action));
}

function endOf(text: string, now: number): number | null {
  return text === NEVER ? null : momentOf('--expires', text, now);
}

function startOf(text: string | undefined, now: number): number | null {
  return text === undefined ? null : momentOf('--not-before', text, now);
}

/** A moment: so long from now, or a time of RFC 3339. */
function momentOf(option: string, text: string, now: number): number {
  const ms = parseDuration(text, { plainMs: 1000 });
  if (ms !== null) return now + ms;
  const time = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new UsageError(
      `${option} must be like ${DURATION_EXAMPLES} from now, or like 2030-01-31T12:00:00Z`,
    );
  }
  return time;
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** A DID, a link's digest in hex, or the link itself. */
function targetOf(text: string, swarm: string): RevocationTarget {
  if (text.startsWith('did:')) {
    checkDidOption('DID', text);
    return { did: text };
  }
  if (DIGEST.test(text)) return { link: new Uint8Array(Buffer.from(text, 'hex')) };
  const bytes = parseLinkText(text);
  if (bytes === null) throw new UsageError('name a DID, the digest of a link (64 hex digits), or the link');
  return { link: decodeLink(bytes, crypto, swarm).link.digest };
}
