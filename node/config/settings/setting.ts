import { z } from 'zod';

/** One setting: where it is said, what it may be, what it is unless said, and why. */
export interface Setting {
  /** Dotted path in `maillon.yaml`; the flag and the variable are derived from it. */
  readonly path: string;
  readonly schema: z.ZodType;
  readonly default: unknown;
  /** The setting's effect, and for a limit the reason for its value. */
  readonly help: string;
  /** For a number that limits something: its unit in the info document. */
  readonly unit?: 'bytes' | 'milliseconds' | 'messages' | 'peers' | 'count' | 'per second';
}

export const port = z.int().min(0).max(65_535);
export const count = z.int().min(1).max(1_000_000);
export const bytes = z
  .int()
  .min(1024)
  .max(2 ** 40);
export const ms = z
  .int()
  .min(0)
  .max(24 * 3_600_000);
export const texts = z.array(z.string().min(1)).max(1000);
