import { type Fault, refusalBy } from '../common/refusal.ts';

/** Every reason for which an announcement or a frame is not taken, and whose fault it is. */
export const NODES_ERRORS = {
  announcement_too_large: 'sender',
  announcement_malformed: 'sender',
  announcement_not_canonical: 'sender',
  announcement_field: 'sender',
  announcement_signature: 'sender',
  announcement_operator: 'sender',
  announcement_version: 'context',
  announcement_clock: 'context',
  announcement_expired: 'context',
  announcement_old: 'context',
  announcement_too_soon: 'context',
  announcement_crowded: 'context',
  overloaded: 'context',
  frame_malformed: 'sender',
  frame_version: 'context',
} as const satisfies Record<string, Fault>;

export type NodesErrorCode = keyof typeof NODES_ERRORS;

export class NodesError extends refusalBy(NODES_ERRORS) {}
