/** A peer as this node sees it. */
export interface PeerView {
  readonly id: string;
  readonly addresses: readonly string[];
  readonly connected: boolean;
  readonly direction: 'inbound' | 'outbound' | null;
  /** When it was last connected, milliseconds since the Unix epoch. */
  readonly lastSeen: number;
  /** Its identify agent version, e.g. `maillon/0.1.0 (swarm maillon)`. */
  readonly agent: string | null;
  /** Gossip score; below the graylist threshold it is not listened to. */
  readonly score: number;
  /** Shards on which it is in this node's mesh. */
  readonly meshShards: readonly number[];
}

/** An address of `bootstrap`, and what came of dialling it. */
export interface BootstrapView {
  readonly address: string;
  readonly state: 'connected' | 'dialling' | 'failed';
  /** Why it does not lead to a peer, and what to do next; null where it does, or where that is not known yet. */
  readonly fault: { readonly code: string; readonly reason: string; readonly next: string } | null;
}
