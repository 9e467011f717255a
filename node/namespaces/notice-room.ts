import {
  HOLDER_SPONSORSHIPS_MAX,
  NOTICES_MAX,
  NOTICES_MAX_BYTES,
  OPERATOR_SPONSORSHIPS_MAX,
  POLICIES_MAX,
  PRINCIPAL_MAX_BYTES,
  REVOCATIONS_MAX,
  SPONSORSHIPS_MAX,
  SPONSORSHIPS_MAX_BYTES,
} from '../../protocols/namespaces/index.ts';

/** Capacity for notices; a test has less. */
export interface NoticeRoom {
  readonly notices: number;
  readonly bytes: number;
  readonly principalBytes: number;
  readonly revocations: number;
  readonly policies: number;
  readonly sponsorships: number;
  readonly sponsorshipBytes: number;
  readonly operatorSponsorships: number;
  readonly holderSponsorships: number;
}

export const NOTICE_ROOM: NoticeRoom = {
  notices: NOTICES_MAX,
  bytes: NOTICES_MAX_BYTES,
  principalBytes: PRINCIPAL_MAX_BYTES,
  revocations: REVOCATIONS_MAX,
  policies: POLICIES_MAX,
  sponsorships: SPONSORSHIPS_MAX,
  sponsorshipBytes: SPONSORSHIPS_MAX_BYTES,
  operatorSponsorships: OPERATOR_SPONSORSHIPS_MAX,
  holderSponsorships: HOLDER_SPONSORSHIPS_MAX,
};
