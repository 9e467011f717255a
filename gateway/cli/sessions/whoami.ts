import { errorMessage } from '../../../protocols/common/errors.ts';
import { sessionsDirectory } from '../core/place.ts';
import { note, say, sayJson, table } from '../core/terminal.ts';
import { AuthApi, type WhoAnswer } from './auth-api.ts';
import { credentialAt, gatewayOf, type RemoteOptions } from './remote.ts';
import { SessionStore } from './store.ts';
import { describeAnswer, rowOf, SESSION_HEADINGS, withoutSecrets } from './view.ts';

/** Says who the gateway takes the user for, and what sessions there are; fails, after that, where it does not answer. */
export async function whoami(options: RemoteOptions): Promise<void> {
  const gateway = gatewayOf(options.url);
  const asked = await ask(gateway, options);
  const kept = new SessionStore({ directory: sessionsDirectory() }).list();
  const sessions = kept.flatMap(({ sessions: some, current }) =>
    some.map((session) => ({ session, isCurrent: session === current })),
  );
  const faults = kept.flatMap((one) => one.faults);
  if (options.json) {
    const known = sessions.map(({ session, isCurrent }) => ({
      ...withoutSecrets(session),
      current: isCurrent,
    }));
    sayJson({ gateway, answer: asked.answer, sessions: known, faults });
  } else {
    if (asked.answer !== null) say(describeAnswer(gateway, asked.answer));
    if (sessions.length > 0) {
      say(
        `\n${table(
          SESSION_HEADINGS,
          sessions.map(({ session, isCurrent }) => rowOf(session, isCurrent)),
        )}`,
      );
    }
    for (const { file, fault } of faults) note(`${file}: ${fault}`);
  }
  if (asked.failure !== null) throw asked.failure;
}

interface Asked {
  readonly answer: WhoAnswer | null;
  readonly failure: Error | null;
}

async function ask(gateway: string, options: RemoteOptions): Promise<Asked> {
  try {
    const credential = await credentialAt(gateway, options);
    const api = new AuthApi({ gateway });
    const headers = credential?.headers() ?? {};
    try {
      return { answer: await api.whoami(headers), failure: null };
    } catch (error) {
      if (credential === null || !(await credential.renew(headers))) throw error;
      return { answer: await api.whoami(credential.headers()), failure: null };
    }
  } catch (error) {
    return { answer: null, failure: error instanceof Error ? error : new Error(errorMessage(error)) };
  }
}
