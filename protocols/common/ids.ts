/** Protocol ids that carry no objects of ours; those of a protocol folder are in its constants. */
export const KAD_PROTOCOL = '/maillon/kad/1';
