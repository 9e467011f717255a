import { AUTHORISATION } from './authorisation/feature.ts';
import { BACKUP } from './backup/feature.ts';
import type { NodeFeature } from './core/feature.ts';
import { DIRECTORY } from './directory/feature.ts';
import { IPFS } from './ipfs/feature.ts';
import { MEMBERS } from './join/feature.ts';
import { PEERS } from './peers/feature.ts';
import { RELAY } from './relay/feature.ts';
import { STORAGE } from './storage/feature.ts';

/** The features of a node, in the order in which they start; they stop in reverse. Nothing of their services is imported by this. */
export const FEATURES: readonly NodeFeature[] = [
  AUTHORISATION,
  RELAY,
  DIRECTORY,
  STORAGE,
  IPFS,
  MEMBERS,
  BACKUP,
  PEERS,
];
