/** The check reads no more of a longer text, and shows no more: the sender of the text does not decide what that costs. */
const LOOKED_AT_MAX = 4 * 1024;
const MARK = '[redacted]';
/** Forms of credentials: they do not belong in a log, and a client that passes one by mistake must not cause its logging. */
const CREDENTIAL =
  /\bak_[\w-]{8,}(:[\w-]*)?|\bmaillon_invite_[\w-]+|\b(Bearer|Basic|ApiKey)\s+[^\s"]+|-----BEGIN[^]*/gi;
/** Texts that may hold a JWT. Each character is in one of them, so that looking for it takes time in proportion to the text. */
const RUN = /[\w.-]+/g;
const JWT = /(?<![a-z0-9])eyJ/i;
const JWT_DOTS = 2;
/** Where a credential may begin whose end was cut off: of half a token nobody could tell what it is. */
const BEGINNING = /(?<![a-z0-9])(eyJ|ak_|maillon_invite_)/i;

/** The beginning of `text`, 4 KiB at most, with what looks like a credential left out. */
export function withoutCredentials(text: string): string {
  const shown = text.slice(0, LOOKED_AT_MAX);
  const cutAt = text.length > LOOKED_AT_MAX ? LOOKED_AT_MAX : null;
  return shown
    .replaceAll(RUN, (run: string, at: number) => withoutJwt(run, at + run.length === cutAt))
    .replaceAll(CREDENTIAL, MARK);
}

function withoutJwt(run: string, isCut: boolean): string {
  const begin = run.search(isCut ? BEGINNING : JWT);
  if (begin === -1) return run;
  // the first has the most dots behind it
  const isOne = isCut || run.slice(begin).split('.').length > JWT_DOTS;
  return isOne ? run.slice(0, begin) + MARK : run;
}
