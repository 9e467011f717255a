/** What credentials look like: they have no business in a log, and whoever passes one by mistake must not write it down. */
const CREDENTIAL =
  /\bak_[\w-]{8,}(:[\w-]*)?|\beyJ[\w-]*\.[\w-]+\.[\w-]*|\b(Bearer|Basic|ApiKey)\s+[^\s"]+|-----BEGIN[^]*/gi;

/** `text` with what looks like a credential left out. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(CREDENTIAL, '[redacted]');
}
