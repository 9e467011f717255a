import { parseNamespace } from '../../../protocols/common/names.ts';
import { parseEtag } from '../../../protocols/storage/version.ts';
import {
  type Client,
  ClientError,
  DEFAULT_NAMESPACE,
  type Durability,
  type Receipt,
  type Written,
} from '../../client/index.ts';
import { parseTtl } from '../../core/duration.ts';
import { UsageError } from '../core/errors.ts';
import type { SigningOptions } from './options.ts';
import { authorOf, openSigning } from './signing.ts';

/** How often a record is signed anew because somebody wrote in between. */
const WRITE_ATTEMPTS = 3;

export interface SignedPublish extends SigningOptions {
  readonly namespace?: string;
  readonly topic: string;
}

/** Publishes one message after another to a topic, each in an envelope that is signed here. */
export async function signedPublisher(
  client: Client,
  options: SignedPublish,
): Promise<(data: Uint8Array) => Promise<Receipt>> {
  const signing = await openSigning(client, options);
  const author = authorOf(signing);
  const place = parseNamespace(options.namespace ?? DEFAULT_NAMESPACE, signing.owner);
  const { topic } = options;
  return async (data) =>
    client.submitEnvelope(await author.signEnvelope({ ...place, topic, messages: [data] }));
}

export interface SignedWrite extends SigningOptions {
  readonly namespace?: string;
  /** Null deletes. */
  readonly value: Uint8Array | null;
  readonly contentType?: string;
  readonly ttl?: string;
  readonly durability?: Durability;
  /** Refused: a gateway checks conditions with what it signs itself. */
  readonly ifAbsent?: boolean;
  readonly ifMatch?: string;
}

/** Writes a record that is signed here, above whatever is there. */
export async function writeSigned(client: Client, key: string, write: SignedWrite): Promise<Written> {
  const { value, contentType = '', ttl, durability } = write;
  if (write.ifAbsent !== undefined || write.ifMatch !== undefined) {
    throw new UsageError(
      '--if-absent and --if-match do not go with --key and --chain: the gateway checks them with what it signs itself',
    );
  }
  const signing = await openSigning(client, write);
  const author = authorOf(signing);
  const place = parseNamespace(write.namespace ?? DEFAULT_NAMESPACE, signing.owner);
  const options = durability === undefined ? {} : { durability };
  const life = ttl === undefined ? null : parseTtl(ttl);
  let above = {};
  for (let attempt = 1; ; attempt += 1) {
    const expiry = life === null ? null : Date.now() + life;
    const bytes = await author.signRecord({ ...place, key, value, contentType, expiry, ...above });
    try {
      return await client.submitRecord(bytes, options);
    } catch (error) {
      const after = attempt < WRITE_ATTEMPTS ? newerVersion(error) : null;
      if (after === null) throw error;
      above = { after };
    }
  }
}

/** Version of the stored value that was not below the write; null where the write failed for another reason. */
function newerVersion(error: unknown): ReturnType<typeof parseEtag> {
  if (!(error instanceof ClientError) || error.code !== 'precondition_failed') return null;
  const etag = error.detail?.['etag'];
  return typeof etag === 'string' ? parseEtag(etag) : null;
}
