import type { EventLog } from '../../node/index.ts';

/** One call reports an event to the log and to its metric. */
export type Events = Pick<EventLog, 'report'>;
