/** Of a longer text no more is looked at, and no more shown: whoever sends it does not decide what that costs. */
const LOOKED_AT_MAX = 4 * 1024;
const MARK = '[redacted]';
/** What credentials look like: they have no business in a log, and whoever passes one by mistake must not write it down. */
const CREDENTIAL =
  /\bak_[\w-]{8,}(:[\w-]*)?|\bmaillon_invite_[\w-]+|\b(Bearer|Basic|ApiKey)\s+[^\s"]+|-----BEGIN[^]*/gi;
/** What a JWT may be part of. Each character is in one of them, so that looking for it takes time in proportion to the text. */
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
