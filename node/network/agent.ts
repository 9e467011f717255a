/** A node's name for itself to its peers (identify's agent version): the program, and the swarm that it belongs to. */
import { SWARM_PATTERN } from '../../protocols/common/names.ts';

const FORM = /^maillon\/\S{1,64} \(swarm (?<swarm>[^()]{1,64})\)$/;

export function agentOf({ version, swarm }: { readonly version: string; readonly swarm: string }): string {
  return `maillon/${version} (swarm ${swarm})`;
}

/** The swarm that a peer says it belongs to; null where it says none. A hint: nothing proves it. */
export function swarmOf(agent: string | undefined): string | null {
  const swarm = FORM.exec(agent ?? '')?.groups?.['swarm'];
  return swarm !== undefined && SWARM_PATTERN.test(swarm) ? swarm : null;
}
