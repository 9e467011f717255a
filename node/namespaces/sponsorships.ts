import {
  NOTICE_OVERHEAD_BYTES,
  type SponsorshipHead,
  type SponsorshipPlace,
  sponsorshipKey,
  UNSPONSORED_SHARE,
} from '../../protocols/namespaces/index.ts';
import type { NoticeRoom } from './notice-room.ts';
import type { NoticeRow } from './rows.ts';

/** A sponsorship as the index holds it, without its bytes. */
export interface SponsorshipEntry extends SponsorshipPlace, SponsorshipHead {
  /** Links of its naming; 0: the operator withdrew. */
  readonly links: number;
  readonly bytes: number;
}

export interface SponsorshipsInit {
  readonly room: NoticeRoom;
  readonly isSponsored: (did: string) => boolean;
}

type SponsorshipRow = Pick<
  NoticeRow,
  'scope' | 'name' | 'sequence' | 'time' | 'subject' | 'digest' | 'bytes'
>;

/** Sponsorships by index in memory: who named which operators, and how much room is left. */
export class Sponsorships {
  readonly #init: SponsorshipsInit;
  readonly #byKey = new Map<string, SponsorshipEntry>();
  /** By holder, owner and namespace. */
  readonly #byPlace = new Map<string, Map<string, SponsorshipEntry>>();
  readonly #byOperator = new Map<string, Map<string, SponsorshipEntry>>();
  /** Sponsorships of one holder by one operator, counted. */
  readonly #pairs = new Map<string, number>();
  #bytes = 0;
  #unsponsored = { count: 0, bytes: 0 };

  constructor(init: SponsorshipsInit) {
    this.#init = init;
  }

  get count(): number {
    return this.#byKey.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  in(place: SponsorshipPlace): SponsorshipEntry | undefined {
    return this.#byKey.get(sponsorshipKey(place));
  }

  /** Sponsorships of a holder, for one namespace or for all (`*`). */
  of({ holder, owner, namespace }: Omit<SponsorshipPlace, 'as'>): SponsorshipEntry[] {
    return [...(this.#byPlace.get(placeKey({ holder, owner, namespace }))?.values() ?? [])];
  }

  by(operator: string): SponsorshipEntry[] {
    return [...(this.#byOperator.get(operator)?.values() ?? [])];
  }

  /** Takes a row, in place of the one before. */
  add(row: SponsorshipRow): void {
    const entry = entryOf(row);
    const key = sponsorshipKey(entry);
    const known = this.#byKey.get(key);
    if (known !== undefined) this.#count(known, -1);
    this.#count(entry, 1);
    this.#byKey.set(key, entry);
    put(this.#byPlace, placeKey(entry), key, entry);
    put(this.#byOperator, entry.as, key, entry);
  }

  /** Why there is no room for a row; null where there is. */
  refusal(row: SponsorshipRow): string | null {
    const { room, isSponsored } = this.#init;
    const entry = entryOf(row);
    const known = this.in(entry);
    const growth = entry.bytes - (known?.bytes ?? 0);
    if (growth <= 0 && known !== undefined) return null;
    if (known === undefined) {
      if ((this.#byOperator.get(entry.as)?.size ?? 0) >= room.operatorSponsorships) {
        return `at most ${room.operatorSponsorships} sponsorships of one operator are kept`;
      }
      if ((this.#pairs.get(pairKey(entry)) ?? 0) >= room.holderSponsorships) {
        const advice = 'name it for all namespaces (*) instead';
        return `at most ${room.holderSponsorships} sponsorships of one holder by one operator are kept: ${advice}`;
      }
    }
    const added = known === undefined ? 1 : 0;
    const fits = (count: number, bytes: number, share: number): boolean =>
      count + added <= room.sponsorships * share && bytes + growth <= room.sponsorshipBytes * share;
    const { count, bytes } = this.#unsponsored;
    const isVouched = isSponsored(entry.as) || isSponsored(entry.holder);
    const hasRoom = fits(this.count, this.#bytes, 1) && (isVouched || fits(count, bytes, UNSPONSORED_SHARE));
    return hasRoom ? null : 'this node has no room for more sponsorships';
  }

  #count(entry: SponsorshipEntry, by: 1 | -1): void {
    const { isSponsored } = this.#init;
    const pair = pairKey(entry);
    this.#pairs.set(pair, (this.#pairs.get(pair) ?? 0) + by);
    this.#bytes += by * entry.bytes;
    if (isSponsored(entry.as) || isSponsored(entry.holder)) return;
    this.#unsponsored.count += by;
    this.#unsponsored.bytes += by * entry.bytes;
  }
}

function entryOf({ scope, name, sequence, time, subject, digest, bytes }: SponsorshipRow): SponsorshipEntry {
  const [holder = '', owner = ''] = subject.split('\n', 2);
  return {
    as: scope,
    holder,
    owner,
    namespace: name,
    time,
    // a view would keep all that it is a view of
    digest: digest.slice(),
    links: sequence,
    bytes: bytes.byteLength + NOTICE_OVERHEAD_BYTES,
  };
}

function placeKey({ holder, owner, namespace }: Omit<SponsorshipPlace, 'as'>): string {
  return `${holder}\n${owner}\n${namespace}`;
}

function pairKey({ holder, as }: Pick<SponsorshipPlace, 'holder' | 'as'>): string {
  return `${holder}\n${as}`;
}

function put<T>(groups: Map<string, Map<string, T>>, group: string, key: string, value: T): void {
  const within = groups.get(group) ?? new Map<string, T>();
  within.set(key, value);
  groups.set(group, within);
}
