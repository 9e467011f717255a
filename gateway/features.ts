/** Capabilities that clients reach through the gateway. A new one has its line here. */
import { authFeature } from './http/auth/feature.ts';
import type { GatewayFeature } from './http/core/feature.ts';
import { directoryFeature } from './http/directory/feature.ts';
import { ipfsFeature } from './http/ipfs/feature.ts';
import { namespacesFeature } from './http/namespaces/feature.ts';
import { relayFeature } from './http/pubsub/feature.ts';
import { signedFeature } from './http/signed/feature.ts';
import { storageFeature } from './http/storage/feature.ts';

export const GATEWAY_FEATURES: readonly GatewayFeature[] = [
  relayFeature,
  directoryFeature,
  storageFeature,
  namespacesFeature,
  signedFeature,
  ipfsFeature,
  authFeature,
];
