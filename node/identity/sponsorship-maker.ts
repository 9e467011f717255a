import type { Clock } from '../../protocols/common/clock.ts';
import type { Crypto } from '../../protocols/common/crypto.ts';
import { CodedError } from '../../protocols/common/errors.ts';
import { ALL_NAMESPACES, decodeLink, IdentityError } from '../../protocols/identity/index.ts';
import { NamespacesError, NoticeMaker, type SponsorshipPlace } from '../../protocols/namespaces/index.ts';
import type { SponsorshipView } from '../namespaces/interface.ts';
import type { NamespacesService } from '../namespaces/service.ts';
import type { Chain } from './extender.ts';
import type { Identity } from './identity.ts';
import type { Operator } from './operator.ts';

export interface SponsorshipMakerComponents {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly identity: Pick<Identity, 'signer' | 'author'>;
  readonly operator: Pick<Operator, 'did' | 'chain'>;
  readonly namespaces: Pick<NamespacesService, 'policyOf' | 'sponsorshipIn' | 'submit'>;
}

export interface SponsorshipMakerInit {
  readonly swarm: string;
  /** `did`, `name@did`, or `*` for all. */
  readonly sponsored: readonly string[];
}

export interface SponsorOptions {
  /** Refuse holders that `storage.sponsored` does not list. */
  readonly onlyListed?: boolean;
}

/** Accepts, in the operator's name, that a holder named it, and withdraws that. */
export class SponsorshipMaker {
  readonly #components: SponsorshipMakerComponents;
  readonly #init: SponsorshipMakerInit;
  readonly #maker: NoticeMaker;

  constructor(components: SponsorshipMakerComponents, init: SponsorshipMakerInit) {
    const { crypto, identity } = components;
    this.#components = components;
    this.#init = init;
    this.#maker = new NoticeMaker({ crypto, signer: identity.signer }, { swarm: init.swarm });
  }

  /**
   * Signs and submits the sponsorship that `naming` (links from a holder to this node's operator, or to its key) is for; nothing new where
   * it stands already. Throws `forbidden`, `no_room`, and what `Namespaces.submit` throws.
   */
  async accept(naming: Chain, { onlyListed = false }: SponsorOptions = {}): Promise<SponsorshipView> {
    const { clock, operator, namespaces } = this.#components;
    const place = this.#placeOf(naming);
    this.#checkHolder(place);
    if (onlyListed && !this.#isListed(place)) {
      const message = `the operator ${place.as} does not sponsor ${place.owner}: ask it to add that DID to storage.sponsored`;
      throw new CodedError('forbidden', message);
    }
    const known = namespaces.sponsorshipIn(place);
    if (known?.stands === true) return { ...place, time: known.time };
    const time = Math.max(clock.now(), (known?.time ?? 0) + 1);
    const made = await this.#maker.sponsorship({ ...place, time, naming, chain: operator.chain() });
    await this.#submit(made.bytes);
    return { ...place, time };
  }

  /** Ends a sponsorship of this node's operator, if there is one. Throws what `Namespaces.submit` throws. */
  async withdraw(of: Omit<SponsorshipPlace, 'as'>): Promise<void> {
    const { clock, operator, namespaces } = this.#components;
    const { owner, namespace, holder } = of;
    const place = { owner, namespace, holder, as: operator.did };
    const known = namespaces.sponsorshipIn(place);
    if (known?.stands !== true) return;
    const time = Math.max(clock.now(), known.time + 1);
    const made = await this.#maker.sponsorship({ ...place, time, naming: [], chain: operator.chain() });
    await this.#submit(made.bytes);
  }

  async #submit(bytes: Uint8Array): Promise<void> {
    try {
      await this.#components.namespaces.submit(bytes);
    } catch (error) {
      if (!(error instanceof NamespacesError)) throw error;
      const { code, message } = error;
      throw new CodedError(code === 'notice_room' ? 'no_room' : 'forbidden', message, { reason: code });
    }
  }

  /** Where the narrowest link names the operator: of one namespace, or of all. */
  #placeOf(naming: Chain): SponsorshipPlace {
    const { crypto, operator, identity } = this.#components;
    try {
      const links = naming.map((link) => decodeLink(link, crypto, this.#init.swarm).link);
      const [first, last] = [links[0], links.at(-1)];
      const [resource, more] = last?.resources ?? [];
      if (first === undefined || resource === undefined || more !== undefined) {
        throw new CodedError(
          'forbidden',
          'what names an operator must be about one namespace, or about all (*)',
        );
      }
      if (last?.audience !== operator.did && last?.audience !== identity.author) {
        const message = `the holder named ${last?.audience}, and this node's operator is ${operator.did}: hand it in at a gateway of the one that was named`;
        throw new CodedError('forbidden', message);
      }
      const { owner, namespace } = resource;
      return { owner, namespace, holder: first.issuer, as: operator.did };
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
      throw new CodedError('forbidden', `what names the operator cannot be read: ${error.message}`);
    }
  }

  /** A naming by somebody who does not hold the namespace would count for nothing and take room. */
  #checkHolder({ owner, namespace, holder }: SponsorshipPlace): void {
    const policy =
      namespace === ALL_NAMESPACES ? null : this.#components.namespaces.policyOf(owner, namespace);
    const present = policy?.holder ?? owner;
    if (holder === present) return;
    throw new CodedError(
      'forbidden',
      `${namespace}@${owner} is held by ${present}: only it can name an operator`,
    );
  }

  #isListed({ owner, namespace }: SponsorshipPlace): boolean {
    const list = new Set(this.#init.sponsored);
    return list.has(owner) || list.has(`${namespace}@${owner}`) || list.has(ALL_NAMESPACES);
  }
}
