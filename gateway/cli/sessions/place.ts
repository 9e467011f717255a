import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the sessions of this user are. */
export function sessionsDirectory(): string {
  return join(homedir(), '.maillon', 'sessions');
}
