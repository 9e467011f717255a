import { RELAY_ERRORS, type RelayErrorCode } from './errors.ts';

/** Counters of the relay. True counters: they only grow. */
export interface RelayMetrics {
  /** Copies of envelopes that came from peers, first and further ones. */
  copiesReceived: number;
  envelopesAccepted: number;
  messagesDelivered: number;
  envelopesPublished: number;
  messagesPublished: number;
  bytesAccepted: number;
  /** Envelopes not taken, by reason. */
  readonly refused: Record<RelayErrorCode, number>;
}

export function createRelayMetrics(): RelayMetrics {
  const refused = Object.fromEntries(Object.keys(RELAY_ERRORS).map((code) => [code, 0]));
  return {
    copiesReceived: 0,
    envelopesAccepted: 0,
    messagesDelivered: 0,
    envelopesPublished: 0,
    messagesPublished: 0,
    bytesAccepted: 0,
    refused: refused as Record<RelayErrorCode, number>,
  };
}
