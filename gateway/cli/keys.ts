import { type Command, Option } from 'commander';
import type { AddCommand } from './core/command.ts';
import type { ExportOptions, ImportOptions, KeyOptions, NewOptions } from './keys-actions.ts';

const HELP = `
Keys are files in DATA/keys, one each, readable by you alone; "identity" is the node's own key,
DATA/identity.key. Names match [a-z0-9-]{1,64}. These commands need no node, and work beside a running one;
only what changes identity needs it stopped.

A key may be sealed under a passphrase (scrypt and AES-256-GCM). The passphrase comes from a file of mode
0600 (--passphrase-file, or the setting identity.passphraseFile), or is asked for on the terminal; it is
never an argument. A node whose identity is sealed asks for it when it starts.

Examples:
  $ maillon keys new alice --sealed
  $ maillon keys list
  $ maillon keys seal identity --passphrase-file ~/.maillon-passphrase
  $ maillon keys rotate alice`;

const LIST_HELP = `
SEALED keys need their passphrase before they sign. A name with a dot is a key that was rotated: it is kept
for what it signed.

Examples:
  $ maillon keys list
  $ maillon keys list --data ./data-b --json | jq -r '.keys[].did'`;

const NEW_HELP = `
The key is Ed25519; its DID (did:key:z6Mk…) is what others know it by. It is in the clear unless --sealed or
--passphrase-file is given. An existing key is never replaced: rotate does that.

Examples:
  $ maillon keys new alice
  $ maillon keys new alice --sealed                              asks for the passphrase twice
  $ maillon keys new alice --passphrase-file ./passphrase --json | jq -r .did`;

const IMPORT_HELP = `
FILE, or standard input when it is missing or "-", holds a PKCS #8 PEM (BEGIN PRIVATE KEY, also encrypted)
or the 64 hex digits of an Ed25519 seed. What was imported is the same key: its DID is the same.

Examples:
  $ maillon keys import alice alice.pem
  $ openssl genpkey -algorithm ed25519 | maillon keys import alice
  $ maillon keys import alice alice.pem --pem-passphrase-file ./pem-passphrase --sealed`;

const EXPORT_HELP = `
Whoever has what is written can sign as this key. A file is made with mode 0600 and never overwritten. An
encrypted PEM is easier to guess than a sealed key (PBKDF2 with 2048 rounds, which is what other programs
read): give it a long passphrase.

Examples:
  $ maillon keys export alice --out alice.pem
  $ maillon keys export alice --out alice.pem --pem-passphrase-file ./pem-passphrase
  $ maillon keys export alice --form seed --stdout | other-program`;

const ROTATE_HELP = `
The old key stays as NAME.<end of its DID>, so that what it signed can still be named; it is not used any
more. A sealed key's successor is sealed under the same passphrase. What was granted to the old key is not
granted to the new one, and what it granted stays in force until it is revoked: rotate, grant anew, revoke
the old key.

For identity stop the node first: it comes back as a new peer, and others who name it as a bootstrap peer
must be told.

Examples:
  $ maillon keys rotate alice
  $ maillon keys rotate identity --data ./data`;

const SEAL_HELP = `
What the file held before may stay on the disk's free blocks: where that matters rotate the key afterwards.
To change a passphrase unseal the key and seal it again. Without the passphrase a sealed key is lost: keep a
backup of both.

Examples:
  $ maillon keys seal alice
  $ maillon keys seal identity --passphrase-file ./passphrase
  $ maillon node --identity-passphrase-file ./passphrase`;

const UNSEAL_HELP = `
Examples:
  $ maillon keys unseal alice
  $ maillon keys unseal identity --passphrase-file ./passphrase`;

export const addKeys: AddCommand = (program) => {
  const keys = program
    .command('keys')
    .summary('make and keep keys')
    .description("Make, list, import, export and replace the keys of a data directory, and the node's own.")
    // its own, so that --help --json alone is understood here as well
    .option('--json', 'Print one JSON line (of each command here).')
    .addHelpText('after', HELP);
  addListTo(keys);
  addNewTo(keys);
  addImportTo(keys);
  addExportTo(keys);
  addChangesTo(keys);
};

// The code for keys loads the whole node: help, and the other commands, do not wait for it to load.
const actions = async () => import('./keys-actions.ts');

function addListTo(keys: Command): void {
  const command = keys
    .command('list')
    .summary('show the keys')
    .description('Show the keys, and which are sealed.');
  addKeyOptions(command)
    .addHelpText('after', LIST_HELP)
    .action(async (options: KeyOptions) => (await actions()).listKeys(said(keys, options)));
}

function addNewTo(keys: Command): void {
  const command = keys
    .command('new')
    .summary('make a key')
    .description('Make a key.')
    .argument('<name>', 'Name of the key, [a-z0-9-]{1,64}.');
  addSealing(addKeyOptions(command))
    .addHelpText('after', NEW_HELP)
    .action(async (name: string, options: NewOptions) => (await actions()).newKey(name, said(keys, options)));
}

function addImportTo(keys: Command): void {
  const command = keys
    .command('import')
    .summary('take over a key')
    .description('Take over a key that was made elsewhere.')
    .argument('<name>', 'Name it gets here, [a-z0-9-]{1,64}.')
    .argument('[file]', 'File that holds it; standard input when missing or "-".');
  addSealing(addKeyOptions(command))
    .option('--pem-passphrase-file <file>', 'File with the passphrase of an encrypted PEM, mode 0600.')
    .addHelpText('after', IMPORT_HELP)
    .action(async (name: string, file: string | undefined, options: ImportOptions) =>
      (await actions()).importKey(name, file, said(keys, options)),
    );
}

function addExportTo(keys: Command): void {
  const command = keys
    .command('export')
    .summary('write a key for other programs')
    .description('Write a key for other programs, or for a backup: a secret.')
    .argument('<name>', 'Name of the key.')
    .addOption(
      new Option('--form <form>', 'PKCS #8 PEM, or the seed in hex.')
        .choices(['pkcs8', 'seed'])
        .default('pkcs8'),
    )
    .option('--out <file>', 'File to make, mode 0600.')
    .addOption(new Option('--stdout', 'Print it: a terminal and its history will show it.').conflicts('out'))
    .option('--pem-passphrase-file <file>', 'Encrypt the PEM with the passphrase in this file, mode 0600.');
  addKeyOptions(command)
    .addOption(passphraseFile('It opens the key where it is sealed.'))
    .addHelpText('after', EXPORT_HELP)
    .action(async (name: string, options: ExportOptions) =>
      (await actions()).exportKey(name, said(keys, options)),
    );
}

function addChangesTo(keys: Command): void {
  const changes = [
    ['rotate', 'put a new key in its place', 'Put a new key in the place of one.', ROTATE_HELP],
    ['seal', 'put a key under a passphrase', 'Put a key under a passphrase.', SEAL_HELP],
    ['unseal', 'write a sealed key in the clear', 'Write a sealed key in the clear.', UNSEAL_HELP],
  ] as const;
  for (const [verb, summary, description, help] of changes) {
    const command = keys
      .command(verb)
      .summary(summary)
      .description(description)
      .argument('<name>', "Name of the key; identity for the node's own.");
    addKeyOptions(command)
      .addOption(passphraseFile('Its passphrase is read, not asked for.'))
      .addHelpText('after', help)
      .action(async (name: string, options: KeyOptions) => {
        const { rotateKey, sealKey, unsealKey } = await actions();
        await { rotate: rotateKey, seal: sealKey, unseal: unsealKey }[verb](name, said(keys, options));
      });
  }
}

function addKeyOptions(command: Command): Command {
  return command
    .option('--data <dir>', 'Data directory. [MAILLON_DATA, default ./data]')
    .option('--config <file>', 'Configuration file. [MAILLON_CONFIG, default maillon.yaml if there]')
    .option('--json', 'Print one JSON line.');
}

function addSealing(command: Command): Command {
  return command
    .option('--sealed', 'Seal it under a passphrase.')
    .addOption(passphraseFile('Seal it under the passphrase in this file.'));
}

function passphraseFile(help: string): Option {
  return new Option('--passphrase-file <file>', `${help} Mode 0600. [MAILLON_IDENTITY_PASSPHRASE_FILE]`);
}

/** `--json` may be said before the verb, too. */
function said<T extends KeyOptions>(keys: Command, options: T): T {
  const isJson = options.json ?? keys.opts<{ json?: boolean }>().json === true;
  return { ...options, json: isJson };
}
