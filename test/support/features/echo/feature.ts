/** A feature of a third party, as small as it can be: nodes send each other bytes back. */
import { z } from 'zod';
import type { NodeFeature, Setting } from '../../../../node/index.ts';
import type { Echo } from './create.ts';

declare module '../../../../node/core/core.ts' {
  interface Services {
    readonly echo: Echo;
  }
}

export const ECHO_SETTINGS = [
  {
    path: 'echo.maxBytes',
    schema: z.int().min(1).max(65_536),
    default: 1024,
    unit: 'bytes',
    help: 'Most that is sent back: it is held in memory until the peer has read it.',
  },
] as const satisfies readonly Setting[];

export const feature: NodeFeature<typeof ECHO_SETTINGS> = {
  name: 'echo',
  settings: ECHO_SETTINGS,
  limits: [
    {
      name: 'echo.answersAtOnce',
      value: 8,
      unit: 'count',
      reason: 'requests of all peers that are answered together',
    },
  ],
  load: () => import('./create.ts'),
};
