import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the sessions of this user are. */
export function sessionsDirectory(): string {
  return join(homedir(), '.maillon', 'sessions');
}

/** Whether this user's command line has joined somebody's machines (maillon join), without a node. */
export function hasJoined(): boolean {
  return existsSync(join(homedir(), '.maillon', 'membership'));
}
