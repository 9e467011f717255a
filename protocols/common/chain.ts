/** Links of a delegation chain: wallet, session, gateway, API key and room for as many again. */
export const CHAIN_MAX_LINKS = 8;
/** Bytes of one link. */
export const CHAIN_LINK_MAX_BYTES = 2048;
/** Bytes of all links together: each object that carries a chain has room for them beside its other fields. */
export const CHAIN_MAX_BYTES = 4096;
