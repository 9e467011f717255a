import { z } from 'zod';
import type { Setting } from '../../../../node/index.ts';

export const ECHO_SETTINGS = [
  {
    path: 'echo.maxBytes',
    schema: z.int().min(1).max(65_536),
    default: 1024,
    unit: 'bytes',
    help: 'Most that is sent back: it is held in memory until the peer has read it.',
  },
] as const satisfies readonly Setting[];
