/**
 * The swarm's directory: signed announcements of nodes, gossiped and asked for. SPEC.md has the bytes.
 *
 * The announcing and asking side is `client.ts`, the receiving and answering one `server.ts`. The node handles announcements
 * (dialling back, crowding, expiry).
 */
export type { NodeAnnouncement, Page, PageRequest, SignedAnnouncement } from './announcement.ts';
export {
  type CollectOptions,
  collectAnnouncements,
  NodeAnnouncer,
  type NodeAnnouncerComponents,
  type NodeDescription,
} from './client.ts';
export {
  decodeAnnouncement,
  decodePage,
  decodeRequest,
  encodeAnnouncement,
  encodeBody,
  encodePage,
  encodeRequest,
  fitsPage,
  signingBytes,
} from './codec.ts';
export * from './constants.ts';
export { NODES_LIMITS } from './constants.ts';
export { NODES_ERRORS, NodesError, type NodesErrorCode } from './errors.ts';
export { createNodesMetrics, type NodesMetrics } from './metrics.ts';
export {
  type HeldAnnouncements,
  NodeAdmission,
  type NodeAdmissionComponents,
  type Origin,
  PageServer,
  type PageServerComponents,
} from './server.ts';
