import { type Command, InvalidArgumentError } from 'commander';

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
