/** Percent-encoding as RFC 3986 has it: bytes first, and these must be UTF-8. Nothing is normalised. */

const PERCENT = 0x25;
const ESCAPE_LENGTH = 3;
const HEX_PAIR = /^[0-9a-fA-F]{2}$/;
/** A byte order mark belongs to a key as any character does. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The query of a request's target, as it was sent, without the question mark. */
export function queryOf(url: string): string {
  const at = url.indexOf('?');
  return at < 0 ? '' : url.slice(at + 1);
}

/** Decodes once; null for a bad escape and for what is no UTF-8. Node gives each byte of a target as one character. */
export function percentDecode(text: string): string | null {
  const bytes = Buffer.from(text, 'latin1');
  let length = 0;
  for (let at = 0; at < bytes.length; length += 1) {
    if (bytes[at] !== PERCENT) {
      bytes[length] = bytes[at] ?? 0;
      at += 1;
      continue;
    }
    const pair = text.slice(at + 1, at + ESCAPE_LENGTH);
    if (!HEX_PAIR.test(pair)) return null;
    bytes[length] = Number.parseInt(pair, 16);
    at += ESCAPE_LENGTH;
  }
  try {
    return utf8.decode(bytes.subarray(0, length));
  } catch {
    return null;
  }
}

/** The parameters of a query; one that is named twice is a list. Null when any is not well encoded. */
export function parseQuery(query: string): Record<string, string | string[]> | null {
  // no prototype: a parameter may have any name
  const found: Record<string, string | string[]> = Object.create(null);
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decodeField(equals < 0 ? part : part.slice(0, equals));
    const value = equals < 0 ? '' : decodeField(part.slice(equals + 1));
    if (name === null || value === null) return null;
    const before = found[name];
    found[name] = before === undefined ? value : [before, value].flat();
  }
  return found;
}

function decodeField(text: string): string | null {
  return percentDecode(text.replaceAll('+', ' '));
}
