import type { Command } from 'commander';
import type { AddCommand } from './core/command.ts';
import type {
  GrantOptions,
  NamespaceOptions,
  SetOptions,
  SponsorOptions,
  TransferOptions,
} from './namespace/actions.ts';
import { showNamespace } from './namespace/show.ts';
import { addRemoteOptions } from './sessions/remote.ts';
import { addSigningOptions } from './signing/options.ts';

const HELP = `
A namespace belongs to the DID that is part of its id, and is held by it until a policy hands it on. Nobody else
may publish or write in it but whom its policy lets, and to whom such a one grants it: every node checks that for
itself. What is signed here is signed in this process; the gateway only carries it.

NAME is a namespace of the key that signs, or of whom its --chain comes from; name@did:… one of another owner.
Without --key the development owner signs, ~/.maillon/keys/development.key: what nodes that you start here serve is its.
In a swarm of maillon swarm it is another one: set MAILLON_IDENTITY_OWNER_KEY to DIR/development.key.

Examples:
  $ maillon keys new alice && maillon keys new bob
  $ maillon namespace create team --key alice --read anyone
  $ maillon namespace grant team --key alice --to did:key:z6Mk… --prefix news/ > bob.chain
  $ maillon pub news/today "hello" --namespace team --key bob --chain bob.chain
  $ maillon namespace revoke did:key:z6Mk… --key alice
  $ maillon namespace show team --key alice`;

const CREATE_HELP = `
It makes the first policy of the namespace: without any, only its owner may do anything in it. Of two first
policies each node keeps the one that it saw first: make it once.

Examples:
  $ maillon namespace create team
  $ maillon namespace create team --key alice --publish did:key:z6Mk… --quota-bytes 1GiB
  $ maillon namespace create board --publish anyone --read anyone --retention 7d --public-topic news/
  $ maillon namespace create app --domain app.example.org --json | jq -r .digest`;

const SET_HELP = `
What is not said stays as it is. A list that is said replaces the one before; --no-… takes it away.

Examples:
  $ maillon namespace set team --publish nobody --quota-keys 10000
  $ maillon namespace set team --no-retention --no-public-topic --json`;

const SHOW_HELP = `
What the gateway's node knows. With --key or --chain NAME is one of that owner's, else one of the gateway's.

Examples:
  $ maillon namespace show team
  $ maillon namespace show team@did:key:z6Mk… --json | jq .rules`;

const GRANT_HELP = `
Prints what the key needs, one line for each link: keep it in a file, and use it with --chain. Nobody is told of it,
and it holds as soon as it is printed. With --chain it passes on what was granted to --key: never more than that.
--prefix is the beginning of the topics (publish) and keys (read, write). NAME "*" stands for all namespaces of the
owner. admin lets somebody set the policy; it goes without --prefix.

Examples:
  $ maillon namespace grant team --to did:key:z6Mk… > bob.chain
  $ maillon namespace grant team --to did:key:z6Mk… --actions publish --prefix news/ --expires 24h
  $ maillon namespace grant team --to did:key:z6Mk… --key bob --chain bob.chain > carol.chain
  $ maillon namespace grant '*' --to did:key:z6Mk… --actions admin,publish,read,write --json | jq -r .digest`;

const SPONSOR_HELP = `
Nodes of the holder's own are its durable replicas; so are those of an operator that the holder names and that accepts.
OPERATOR is the DID of the gateway's operator, which accepts where its storage.sponsored lists the owner (did:…, name@did:…, or *).
The signed link lets the operator keep copies, nothing else. It holds until the link or the operator is revoked.

Examples:
  $ maillon namespace sponsor did:key:z6Mk… --key alice
  $ maillon namespace sponsor did:key:z6Mk… --key alice --namespace team --json | jq -r .digest`;

const REVOKE_HELP = `
TARGET is a DID, which is then trusted no more in anything of yours; or a link, by its digest or as grant printed it.
It is for ever, and every node is told. What was written before stays.

Examples:
  $ maillon namespace revoke did:key:z6Mk…
  $ maillon namespace revoke "$(tail -n 1 bob.chain)" --key alice
  $ maillon namespace revoke 5f0c…64 hex digits… --json`;

const TRANSFER_HELP = `
Its next policy names another holder; the rules stay as they are. Its name stays name@ and the DID of who made it.
What the old holder granted ends with that: the new one grants anew.

Examples:
  $ maillon namespace transfer team --to did:key:z6Mk…
  $ maillon namespace transfer team@did:key:z6Mk… --to did:pkh:eip155:1:0x… --key bob --json`;

export const addNamespaceCommand: AddCommand = (program) => {
  const namespace = program
    .command('namespace')
    .summary('say who may do what in a namespace')
    .description('Make namespaces, and say who may publish, write and read in them.')
    // its own, so that --help --json alone is understood here as well
    .option('--json', 'Print one JSON line (of each command here).')
    .addHelpText('after', HELP);
  addPolicies(namespace);
  addShow(namespace);
  addGrants(namespace);
};

// Signing loads the whole node: help, and the other commands, do not wait for it to load.
const actions = async () => import('./namespace/actions.ts');

function addPolicies(namespace: Command): void {
  const create = namespace
    .command('create')
    .summary('make the first policy of a namespace')
    .description('Make the first policy of a namespace.')
    .argument('<name>', 'Namespace, [a-z0-9-]{1,64}.');
  addSigning(addRules(create))
    .addHelpText('after', CREATE_HELP)
    .action(async (name: string, options: SetOptions) =>
      (await actions()).createNamespace(name, said(namespace, options)),
    );

  const set = namespace
    .command('set')
    .summary('change its rules')
    .description('Change the rules of a namespace: make its next policy.')
    .argument('<name>', 'Namespace.');
  addRules(set)
    .option('--no-public-topic', 'No public topics.')
    .option('--no-quota-bytes', 'No bound of its own.')
    .option('--no-quota-keys', 'No bound of its own.')
    .option('--no-retention', 'As long as nodes keep history.')
    .option('--no-domain', 'Sign-ins at any site count.');
  addSigning(set)
    .addHelpText('after', SET_HELP)
    .action(async (name: string, options: SetOptions) =>
      (await actions()).setNamespace(name, said(namespace, options)),
    );

  const transfer = namespace
    .command('transfer')
    .summary('hand it to another holder')
    .description('Hand a namespace to another holder.')
    .argument('<name>', 'Namespace.')
    .requiredOption('--to <did>', 'DID of who holds it from then on.');
  addSigning(transfer)
    .addHelpText('after', TRANSFER_HELP)
    .action(async (name: string, options: TransferOptions) =>
      (await actions()).transferNamespace(name, said(namespace, options)),
    );
}

function addShow(namespace: Command): void {
  const show = namespace
    .command('show')
    .summary('who holds it, and who may do what')
    .description('Show who holds a namespace, and who may do what in it.')
    .argument('<name>', 'Namespace.');
  addSigning(show)
    .addHelpText('after', SHOW_HELP)
    .action(async (name: string, options: NamespaceOptions) => showNamespace(name, said(namespace, options)));
}

function addGrants(namespace: Command): void {
  const grant = namespace
    .command('grant')
    .summary('let another key do something')
    .description('Let another key do something in a namespace.')
    .argument('<name>', 'Namespace; * for all of the owner.')
    .requiredOption('--to <did>', 'did:key of who may.')
    .option('--actions <list>', 'Some of admin,publish,read,sponsor,write.', 'publish,read,write')
    .option('--prefix <text>', 'Only topics and keys that begin so.', '')
    .option('--expires <when>', 'So long from now, a time, or never.', '30d')
    .option('--not-before <when>', 'In force from then on: so long from now, or a time.');
  addSigning(grant)
    .addHelpText('after', GRANT_HELP)
    .action(async (name: string, options: GrantOptions) =>
      (await actions()).grant(name, said(namespace, options)),
    );

  const sponsor = namespace
    .command('sponsor')
    .summary('name an operator to keep it durably')
    .description('Name an operator whose nodes keep durable replicas of your namespaces.')
    .argument('<operator>', 'DID of the operator of the gateway.')
    .option('--namespace <name>', 'Only this one.', '*');
  addSigning(sponsor)
    .addHelpText('after', SPONSOR_HELP)
    .action(async (operator: string, options: SponsorOptions) =>
      (await actions()).sponsor(operator, said(namespace, options)),
    );

  const revoke = namespace
    .command('revoke')
    .summary('withdraw a grant, or trust a key no more')
    .description('Withdraw a grant, or trust a principal no more.')
    .argument('<target>', 'DID, digest of a link in hex, or the link.');
  addSigning(revoke)
    .addHelpText('after', REVOKE_HELP)
    .action(async (target: string, options: NamespaceOptions) =>
      (await actions()).revoke(target, said(namespace, options)),
    );
}

function addRules(command: Command): Command {
  return command
    .option('--publish <who...>', 'Who may publish beside the holder: DIDs, anyone, or nobody.')
    .option('--write <who...>', 'Who may write values.')
    .option('--read <who...>', 'Who may read at gateways.')
    .option('--public-topic <prefix...>', 'Topics that begin so are read by anybody; "" for all.')
    .option(
      '--quota-bytes <size>',
      'How much it may store at a node that gives it as much: bytes, or like 500MB, 1GiB.',
    )
    .option('--quota-keys <number>', 'Keys it may have.')
    .option('--retention <duration>', 'How long history is kept: seconds, or like 24h, 7d.')
    .option('--domain <host...>', 'Sites on which wallets may sign in for it; any when missing.');
}

function addSigning(command: Command): Command {
  return addSigningOptions(
    addRemoteOptions(command, 'Print one JSON line.'),
    "Key that signs; the development owner's when missing.",
  );
}

/** `--json` may be said before the verb, too. */
function said<T extends NamespaceOptions>(namespace: Command, options: T): T {
  const isJson = options.json ?? namespace.opts<{ json?: boolean }>().json === true;
  return { ...options, json: isJson };
}
