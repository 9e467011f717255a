import type { PeerId, PeerStore } from '@libp2p/interface';
import type { KadDHT } from '@libp2p/kad-dht';
import { peerIdFromString } from '@libp2p/peer-id';
import type { CID } from 'multiformats/cid';
import { digestOf, isBlockCid } from '../../protocols/blobs/index.ts';
import { bytesKey, concatBytes } from '../../protocols/common/bytes.ts';
import { CodedError } from '../../protocols/common/errors.ts';

/** Announcements of providers. Keys are digests, as strings of bytes. */
export interface ProviderRecords {
  /** False where it is not kept. */
  add(digest: string, peer: string): boolean;
  of(digest: string): readonly string[];
  remove(digest: string, peer: string): void;
}

interface Message {
  readonly key?: Uint8Array;
}

/** Library members used beyond its types. */
interface OpenDht {
  readonly rpc: {
    readonly handlers: Record<
      string,
      { handle: (peer: PeerId, message: Message) => Promise<Message | undefined> }
    >;
  };
  readonly providers: {
    addProvider: (cid: CID, peer: PeerId) => Promise<void>;
    removeProvider: (cid: CID, peer: PeerId) => Promise<void>;
    getProviders: (cid: CID) => Promise<PeerId[]>;
  };
}

/** Values: nobody has a use for them. Values from peers would only fill this node's memory; their stream is reset. */
const REFUSED = ['PUT_VALUE', 'GET_VALUE'];
const ADD_PROVIDER = 'ADD_PROVIDER';
const GET_PROVIDERS = 'GET_PROVIDERS';
/** A CID that stands for its digest: the DHT knows no more of it. */
const AS_CID = Uint8Array.of(0x01, 0x55);

/**
 * The library keeps every announcement that anybody makes, on its disk or in memory, and with each whatever addresses it names. Here none is kept
 * until the function that this returns is called: its records keep them then, bounded, by the peer that the connection is with.
 */
export function boundRecords(
  dht: KadDHT,
  peerStore: Pick<PeerStore, 'has'>,
): (records: ProviderRecords) => void {
  const { rpc, providers } = dht as unknown as OpenDht;
  const getProviders = rpc.handlers[GET_PROVIDERS];
  for (const type of [...REFUSED, ADD_PROVIDER, GET_PROVIDERS]) delete rpc.handlers[type];
  // what this node announces itself is kept by who is close to it
  providers.addProvider = async () => undefined;
  providers.removeProvider = async () => undefined;
  providers.getProviders = async () => [];
  return (records) => {
    providers.getProviders = async (cid) => {
      const peers = records.of(bytesKey(cid.multihash.digest)).map((id) => peerIdFromString(id));
      // the library cannot answer when it names one that it has forgotten
      const isThere = await Promise.all(peers.map((peer) => peerStore.has(peer)));
      return peers.filter((_, index) => isThere[index]);
    };
    if (getProviders !== undefined) rpc.handlers[GET_PROVIDERS] = getProviders;
    rpc.handlers[ADD_PROVIDER] = {
      handle: async (peer, { key }) => {
        const cid = concatBytes(AS_CID, key ?? new Uint8Array());
        if (!isBlockCid(cid)) {
          throw new CodedError('bad_announcement', 'announced is what no blob is called by');
        }
        records.add(bytesKey(digestOf(cid)), peer.toString());
        return undefined;
      },
    };
  };
}
