import { type Command, InvalidArgumentError } from 'commander';
import { formatSize, parseSize, SIZE_EXAMPLES } from '../../../protocols/common/quantities.ts';

export interface CommandContext {
  /** The exit code, when it is not 0. */
  exit(code: number): void;
  /** Whether the command line may mean the command `name`; what only it needs is loaded only then. */
  mayMean(name: string): boolean;
}

/** Adds one command to the program. */
export type AddCommand = (program: Command, context: CommandContext) => Promise<void> | void;

/** An option's value as a whole number within bounds. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** An option's value as a size within bounds, in bytes. */
export function sizeOption(least: number, most: number): (text: string) => number {
  return (text) => {
    const bytes = parseSize(text);
    if (bytes !== null && bytes >= least && bytes <= most) return bytes;
    const bounds = `from ${formatSize(least)} to ${formatSize(most)}`;
    throw new InvalidArgumentError(`It must be a size ${bounds}, such as ${SIZE_EXAMPLES}.`);
  };
}
