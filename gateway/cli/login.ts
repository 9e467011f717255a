import type { AddCommand } from './core/command.ts';
import type { LoginOptions } from './sessions/login.ts';
import { urlOption } from './sessions/remote.ts';

const HELP = `
A session is for one wallet and one namespace at one gateway. Every command that talks to that gateway uses it, and
renews it by itself; the latest sign-in is the one that is used, --as WALLET or --as KEY uses another. Signing in is needed
once for each namespace, and again after maillon logout, or a month without use.

The wallet is a key of yours (maillon keys list): Ed25519, which a gateway knows by its Solana address. Without --key it is
the development key, ~/.maillon/keys/development.key, for a gateway on this machine only; for another, name a key. With
--browser it is the wallet of a browser on this machine.

Sessions are in ~/.maillon/sessions, readable by you alone. A program that has an API key needs no session: it names a file
of mode 0600 that holds the key in MAILLON_API_KEY_FILE.

Examples:
  $ maillon login
  $ maillon login --gateway https://gateway.example --key alice --namespace team
  $ maillon login --gateway https://gateway.example --browser
  $ maillon login --key alice --json | jq -r .wallet`;

export const addLogin: AddCommand = (program) => {
  program
    .command('login')
    .summary('sign in at a gateway')
    .description("Sign in at a gateway, with a key of yours or with a browser's wallet.")
    .addOption(urlOption())
    .option(
      '--key <name>',
      "Key that signs in; at a gateway on this machine the development owner's when missing.",
    )
    .option('--namespace <name>', 'Namespace to act in; default when missing.')
    .option('--browser', 'Sign in with the wallet of a browser instead.')
    .option('--data <dir>', 'Data directory with the keys. [MAILLON_DATA, default ./data]')
    .option('--config <file>', 'Configuration file. [MAILLON_CONFIG, default maillon.yaml if there]')
    .option(
      '--passphrase-file <file>',
      'It opens a sealed key. Mode 0600. [MAILLON_IDENTITY_PASSPHRASE_FILE]',
    )
    .option('--json', 'Print the session, without what is secret, as one JSON line.')
    .addHelpText('after', HELP)
    .action(async (options: LoginOptions) => (await import('./sessions/login.ts')).login(options));
};
