/** The auth routes against the scenarios in test/vectors/gateway-auth, on both kinds of state. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GATEWAY_STATES } from '../support/gateway-states.ts';
import { compareAnswer, type HttpStep, ownNames, sendRequest } from '../support/scenarios.ts';
import { ROOT } from '../support/sources.ts';
import { type Site, startSite } from '../support/start-gateway.ts';

const DIRECTORY = join(ROOT, 'test/vectors/gateway-auth');
for (const [kind, settingsOf] of Object.entries(GATEWAY_STATES)) {
  for (const file of readdirSync(DIRECTORY).filter((name) => name.endsWith('.json'))) {
    describe(`${kind}: ${file}`, () => {
      const ends: (() => void | Promise<void>)[] = [];
      let site: Site;
      let kept: Map<string, unknown>;
      before(async () => {
        const settings = await settingsOf({ after: (end) => void ends.push(end) });
        site = await startSite({ settings });
        kept = await ownNames();
      });
      after(async () => {
        await site[Symbol.asyncDispose]();
        for (const end of ends) await end();
      });
      const steps = JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8')) as HttpStep[];
      for (const { what, request, answer } of steps) {
        test(what, async () => {
          await compareAnswer(await sendRequest(site.url, request, kept), answer, kept);
        });
      }
    });
  }
}
