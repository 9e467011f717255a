import { type Command, Option } from 'commander';
import { CodedError } from '../../../protocols/common/errors.ts';
import type { Kv } from '../../client/index.ts';
import { harmless } from '../core/terminal.ts';
import { enter, type RemoteOptions } from './remote.ts';

/** Options of every command that deals with values. */
export type KvOptions = RemoteOptions;

/** `--namespace`, for the commands that deal with values. */
export function addKvNamespace(command: Command): Command {
  return command.option(
    '--namespace <name>',
    "Namespace of the key, name@did:… of another owner; the session's or default when missing.",
  );
}

export function consistencyOption(): Option {
  return new Option(
    '--consistency <how>',
    'majority: fail where no majority answers; one: the nearest copy; otherwise the best copy there is.',
  ).choices(['one', 'majority']);
}

export async function connectKv(options: KvOptions): Promise<Kv> {
  const { client, namespace } = await enter(options);
  return client.kv(namespace);
}

/** Ends a command with exit code 1. */
export function noValue(key: string): CodedError {
  return new CodedError('not_found', `there is no value under ${oneLine(key)}`);
}

export const DEGRADED_NOTE = 'no majority could be asked: there may be a newer value';

/** A key on one line of a terminal, whatever is in it. */
export function oneLine(key: string): string {
  return harmless(key).replaceAll('\n', String.raw`\x0a`).replaceAll('\t', String.raw`\x09`);
}
