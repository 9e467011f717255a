import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { PolicyView } from '../../../node/index.ts';
import { CHAIN_LINK_MAX_BYTES, CHAIN_MAX_LINKS } from '../../../protocols/common/chain.ts';
import { CodedError } from '../../../protocols/common/errors.ts';
import { namespaceId } from '../../../protocols/common/names.ts';
import { decodeLink } from '../../../protocols/identity/index.ts';
import { CLOSED_RULES } from '../../../protocols/namespaces/client.ts';
import type { PolicyRules, Rule } from '../../../protocols/namespaces/notice.ts';
import { hex, sha256 } from '../../core/digest.ts';
import { GatewayError } from '../../core/errors.ts';
import { errorResponses, namespaceSchema, timeSchema } from '../../core/schemas.ts';
import type { Context } from '../core/context.ts';
import type { Routes } from '../core/routes.ts';

const didText = z.string().describe('DID; empty for nobody');
const ruleSchema = z
  .object({
    anyone: z.boolean(),
    dids: z.array(z.string()).describe('beside the holder, with whom they delegate to'),
  })
  .meta({ id: 'NamespaceRule' });
const boundSchema = z.int().min(0).nullable().describe('null: no bound but that of the node');

const namespaceView = z
  .object({
    namespace: z.string().describe('as clients of this gateway name it'),
    name: z.string(),
    owner: didText.describe('whom it was made by: part of its id for ever'),
    id: z.string().describe('32 bytes in hex'),
    holder: didText.describe('who holds it now'),
    sequence: z.int().min(0).describe('of the latest policy; 0 while there is none'),
    policy: z
      .object({
        digest: z.string().describe('SHA-256 in hex: what the next policy names as the one before'),
        as: z.string().describe('DID in whose name it was made'),
        time: timeSchema,
      })
      .nullable()
      .describe('the latest one; null while there is none: then the rules are what holds without'),
    history: z.int().min(0).describe('policies known here, from the first'),
    rules: z.object({
      publish: ruleSchema,
      write: ruleSchema,
      read: ruleSchema.describe('enforced by gateways only'),
      publicTopics: z.array(z.string()).describe('prefixes of topics that anybody may read at gateways'),
      isPublic: z.boolean().describe('whether content is served to anybody who knows its CID'),
      quotaBytes: boundSchema,
      quotaKeys: boundSchema,
      retentionMs: boundSchema,
      domains: z.array(z.string()).describe('sites on which a sign-in may have been made; empty: any'),
    }),
    sponsors: z
      .array(z.string())
      .describe(
        'DIDs of the operators whose nodes keep durable replicas: the holder itself, and whom it named and who accepted',
      ),
    sponsored: z.boolean().describe('whether this node keeps what is written to it until it ends'),
  })
  .meta({ id: 'Namespace', description: 'Who holds a namespace, and who may do what in it' });

const namespaceRoute = {
  summary: 'Who holds a namespace, and who may do what in it, as far as this node knows',
  operationId: 'getNamespace',
  tags: ['namespaces'],
  params: z.object({ namespace: namespaceSchema }),
  response: { 200: namespaceView, ...errorResponses },
};

const LINK_TEXT_MAX = 4 * Math.ceil(CHAIN_LINK_MAX_BYTES / 3);
const sponsorshipBody = z.strictObject({
  naming: z
    .array(z.base64().min(1).max(LINK_TEXT_MAX))
    .min(1)
    .max(CHAIN_MAX_LINKS)
    .describe(
      "links in base64 (protocols/identity/SPEC.md) from the holder to this gateway's operator that grant sponsor, or write, on one namespace or all of an owner's (*)",
    ),
});

const sponsorRoute = {
  summary: 'Name the operator of this gateway as a sponsor: its nodes keep durable replicas, if it accepts',
  operationId: 'sponsorNamespace',
  tags: ['namespaces'],
  body: sponsorshipBody,
  response: {
    200: z
      .object({
        owner: didText.describe('by whom the namespace was made'),
        namespace: z.string().describe('its name; `*`: all that the owner made'),
        holder: didText.describe('who named the operator'),
        as: didText.describe('the operator'),
        time: timeSchema,
      })
      .meta({ id: 'Sponsorship', description: 'A holder named an operator, which accepted' }),
    ...errorResponses,
  },
};

/** DID of the holder, who issued the first link. Throws `bad_notice`. */
function holderOf([first = new Uint8Array()]: readonly Uint8Array[], swarm: string): string {
  try {
    return decodeLink(first, { sha256 }, swarm).link.issuer;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new GatewayError('bad_notice', `naming must hold links: ${error.message}`);
  }
}

type NamespacesContext = Pick<Context, 'node' | 'tenants' | 'rates' | 'audit'>;

/** The operator accepts only owners that it lists in `storage.sponsored`: anybody else would get its disk for a signature. */
function sponsorshipRoute(app: Routes, { node, rates, audit }: NamespacesContext): void {
  const onRequest = async ({ client }: FastifyRequest): Promise<void> => rates.takeAddress('notices', client);
  const options = { schema: sponsorRoute, onRequest };
  app.post('/v1/namespaces/sponsorships', options, async ({ body, principal, client: { address } }) => {
    const naming = body.naming.map((text) => new Uint8Array(Buffer.from(text, 'base64')));
    const holder = holderOf(naming, node.status().swarm);
    if ('did' in principal && principal.did !== holder) {
      const message = "what is handed in is of another wallet than this credential's";
      throw new GatewayError('namespace_mismatch', message);
    }
    const view = await node.sponsor(naming, { onlyListed: true });
    const { holder: actor, ...detail } = view;
    await audit.audit({ event: 'namespace.sponsorship', outcome: 'ok', actor, address, detail });
    return view;
  });
}

export function namespaceRoutes(app: Routes, context: NamespacesContext): void {
  const { node, tenants } = context;
  sponsorshipRoute(app, context);
  const config = { readsNamespace: 'policy' as const };
  app.get('/v1/namespaces/:namespace', { config, schema: namespaceRoute }, async ({ params }) => {
    const name = tenants.parse(params.namespace);
    const { owner, namespace } = name;
    const policy = node.namespaces.policyOf(owner, namespace);
    const { swarm } = node.status();
    return {
      namespace: tenants.format(name),
      name: namespace,
      owner,
      id: hex(namespaceId({ sha256 }, swarm, owner, namespace)),
      holder: policy?.holder ?? owner,
      sequence: policy?.sequence ?? 0,
      policy: policy === null ? null : policyHead(policy),
      history: node.namespaces.historyOf(owner, namespace).length,
      rules: rulesOf(policy?.rules ?? CLOSED_RULES),
      sponsors: [...node.namespaces.sponsorsOf(owner, namespace)],
      sponsored: node.isSponsored(name),
    };
  });
}

function policyHead({ digest, as, time }: PolicyView) {
  return { digest: hex(digest), as, time };
}

function rulesOf(rules: PolicyRules): z.output<typeof namespaceView>['rules'] {
  const { publish, write, read, publicTopics, domains, ...rest } = rules;
  return {
    publish: ruleOf(publish),
    write: ruleOf(write),
    read: ruleOf(read),
    publicTopics: [...publicTopics],
    domains: [...domains],
    ...rest,
  };
}

function ruleOf({ anyone, dids }: Rule): z.output<typeof ruleSchema> {
  return { anyone, dids: [...dids] };
}
