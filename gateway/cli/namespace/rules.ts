import { compareBytes } from '../../../protocols/common/bytes.ts';
import { checkDid } from '../../../protocols/common/did.ts';
import { errorMessage } from '../../../protocols/common/errors.ts';
import {
  DURATION_EXAMPLES,
  parseDuration,
  parseSize,
  SIZE_EXAMPLES,
} from '../../../protocols/common/quantities.ts';
import type { PolicyRules, Rule } from '../../../protocols/namespaces/index.ts';
import { UsageError } from '../core/errors.ts';

/** Options for a policy's rules on the command line; false takes a rule away. */
export interface RuleOptions {
  readonly publish?: readonly string[];
  readonly write?: readonly string[];
  readonly read?: readonly string[];
  readonly publicTopic?: readonly string[] | false;
  readonly quotaBytes?: string | false;
  readonly quotaKeys?: string | false;
  readonly retention?: string | false;
  readonly domain?: readonly string[] | false;
}

const ANYONE = 'anyone';
const NOBODY = 'nobody';
const COUNT = /^(0|[1-9]\d{0,15})$/;

/** `before` with what the options say. Throws `UsageError`. */
export function rulesFrom(before: PolicyRules, options: RuleOptions): PolicyRules {
  const { publish, write, read, publicTopic, quotaBytes, quotaKeys, retention, domain } = options;
  return {
    ...before,
    ...(publish === undefined ? {} : { publish: ruleOf('--publish', publish) }),
    ...(write === undefined ? {} : { write: ruleOf('--write', write) }),
    ...(read === undefined ? {} : { read: ruleOf('--read', read) }),
    ...(publicTopic === undefined ? {} : { publicTopics: listOf(publicTopic) }),
    ...(quotaBytes === undefined ? {} : { quotaBytes: sizeOf('--quota-bytes', quotaBytes) }),
    ...(quotaKeys === undefined ? {} : { quotaKeys: countOf('--quota-keys', quotaKeys) }),
    ...(retention === undefined ? {} : { retentionMs: durationOf('--retention', retention) }),
    ...(domain === undefined ? {} : { domains: listOf(domain) }),
  };
}

/** Throws `UsageError` for what is no DID. */
export function checkDidOption(option: string, did: string): void {
  try {
    checkDid(did);
  } catch (error) {
    throw new UsageError(`${option}: ${errorMessage(error)}`);
  }
}

function ruleOf(option: string, who: readonly string[]): Rule {
  const dids = who.filter((one) => one !== ANYONE && one !== NOBODY);
  if (who.includes(NOBODY) && who.length > 1) {
    throw new UsageError(`${option} ${NOBODY} stands alone: only the holder, and whom it grants it`);
  }
  for (const did of dids) checkDidOption(option, did);
  return { anyone: who.includes(ANYONE), dids: listOf(dids) };
}

/** As policies have lists: ascending in bytes, each one once. */
function listOf(list: readonly string[] | false): readonly string[] {
  if (list === false) return [];
  return [...new Set(list)].toSorted(compareUtf8);
}

function compareUtf8(a: string, b: string): number {
  return compareBytes(Buffer.from(a), Buffer.from(b));
}

function countOf(option: string, text: string | false): number | null {
  if (text === false) return null;
  const count = COUNT.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(count)) throw new UsageError(`${option} must be a whole number`);
  return count;
}

function sizeOf(option: string, text: string | false): number | null {
  if (text === false) return null;
  const bytes = parseSize(text);
  if (bytes === null) throw new UsageError(`${option} must be bytes, or like ${SIZE_EXAMPLES}`);
  return bytes;
}

function durationOf(option: string, text: string | false): number | null {
  if (text === false) return null;
  const ms = parseDuration(text, { plainMs: 1000 });
  if (ms === null || ms < 1) throw new UsageError(`${option} must be seconds, or like ${DURATION_EXAMPLES}`);
  return ms;
}
