/** A feature of a third party, as small as it can be: nodes send each other bytes back. */
import type { NodeFeature } from '../../../../node/index.ts';
import type { Echo } from './create.ts';
import { ECHO_SETTINGS } from './settings.ts';

declare module '../../../../node/core/core.ts' {
  interface Services {
    readonly echo: Echo;
  }
}

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
