/** Signing loads the whole node: commands that may do without do not wait for it to load. */
import type { Client, Receipt, Written } from '../../client/index.ts';
import type { SignedPublish, SignedWrite } from './sign-and-send.ts';

export async function signedPublisher(
  client: Client,
  options: SignedPublish,
): Promise<(data: Uint8Array) => Promise<Receipt>> {
  return (await import('./sign-and-send.ts')).signedPublisher(client, options);
}

export async function writeSigned(client: Client, key: string, write: SignedWrite): Promise<Written> {
  return (await import('./sign-and-send.ts')).writeSigned(client, key, write);
}
