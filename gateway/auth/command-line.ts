/** Where `maillon login --browser` waits for the session, on any port: a gateway hands it there without being told that it may. */
export const COMMAND_LINE_CALLBACK = 'http://127.0.0.1/maillon/callback';
