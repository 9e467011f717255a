/** Two nodes of one swarm, each with its gateway. */
import { tcpAddress } from './node.ts';
import { until } from './processes.ts';
import { rawRequest } from './raw-http.ts';
import { type Site, type SiteInit, startSite } from './start-gateway.ts';

export interface SitePair extends AsyncDisposable {
  readonly a: Site;
  readonly b: Site;
}

/** Both know each other as replicas when this resolves. */
export async function startPair(settings: NonNullable<SiteInit['settings']> = {}): Promise<SitePair> {
  const a = await startSite({ settings });
  let b: Site | undefined;
  const dispose = async (): Promise<void> => {
    await b?.[Symbol.asyncDispose]();
    await a[Symbol.asyncDispose]();
  };
  try {
    b = await startSite({ settings: { ...settings, bootstrap: [tcpAddress(a.node)] } });
    for (const { url } of [a, b]) {
      await until('each knows both replicas', async () => {
        const { members, fellows, isReady } = (await rawRequest(url, '/v1/network/storage')).body;
        return members === 2 && fellows.length === 1 && isReady;
      });
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return { a, b, [Symbol.asyncDispose]: dispose };
}
