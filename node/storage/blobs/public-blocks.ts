import { CodedError } from '../../../protocols/common/errors.ts';
import type { Reference, Share } from '../../blobs/interface.ts';
import type { LocalBlobs } from '../../blobs/local-blobs.ts';
import type { NamespaceRef } from '../api/interface.ts';
import { SHARES_MAX } from '../api/limits.ts';

/** References of one namespace to one blob, the newest first, of which one must be of a live record. */
export const REFERENCES_MAX = 8;

export interface PublicBlocksComponents {
  readonly blobs: Pick<LocalBlobs, 'opened'>;
  /** Name of a namespace; null where no record of it is here. */
  readonly nameOf: (namespaceId: Uint8Array) => NamespaceRef | null;
  /** Whether the record that refers is held, and neither replaced nor over. */
  readonly isLive: (reference: Reference) => boolean;
  /** Whether the policy of a namespace lets anyone read it. */
  readonly isOpen: (namespace: NamespaceRef) => boolean;
}

/**
 * The blocks of this node that anyone may have: those of blobs that a live record refers to in a namespace whose policy lets
 * anyone read. Nothing is remembered: a policy counts from the moment at which this node has it. An answer about a block that is
 * here, but not public, tells no more than one about a block that is not here.
 */
export class PublicBlocks {
  readonly #components: PublicBlocksComponents;

  constructor(components: PublicBlocksComponents) {
    this.#components = components;
  }

  has(cid: Uint8Array): boolean {
    const blobs = this.#components.blobs.opened;
    if (blobs === null) return false;
    // one blob after another often has the same namespace
    const open = new Map<number, boolean>();
    return blobs.sharesOf(cid, SHARES_MAX).some((share) => {
      const isOpen = open.get(share.namespace) ?? this.#isOpen(share);
      open.set(share.namespace, isOpen);
      return isOpen && blobs.referencesOf(share, REFERENCES_MAX).some(this.#components.isLive);
    });
  }

  /** Verified. Null also where it does not read. */
  async block(cid: Uint8Array): Promise<Uint8Array | null> {
    if (!this.has(cid)) return null;
    try {
      return (await this.#components.blobs.opened?.block(cid)) ?? null;
    } catch (error) {
      if (error instanceof CodedError && (error.code === 'not_found' || error.code === 'corrupt'))
        return null;
      throw error;
    }
  }

  #isOpen({ namespaceId }: Share): boolean {
    const { nameOf, isOpen } = this.#components;
    const name = nameOf(namespaceId);
    return name !== null && isOpen(name);
  }
}
