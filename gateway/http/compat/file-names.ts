/** A file's name is kept in the type of its value, as a parameter of RFC 2231: so it is one write, and signed. */
import { CONTENT_TYPE_MAX_LENGTH } from '../../../protocols/storage/constants.ts';

const PARAMETER = /;[\t ]*name\*=UTF-8''(?<name>[\w.~%-]*)$/;
const OCTETS = 'application/octet-stream';

/** The type with the name in it; of a long name as many characters as fit. */
export function withName(contentType: string, name: string): string {
  const type = splitName(contentType).contentType || OCTETS;
  const start = `${type};name*=UTF-8''`;
  let encoded = '';
  // half a surrogate pair has no form in UTF-8
  for (const character of name.toWellFormed()) {
    const next = encodeURIComponent(character).replaceAll(/[!'()*]/g, escaped);
    if (start.length + encoded.length + next.length > CONTENT_TYPE_MAX_LENGTH) break;
    encoded += next;
  }
  return encoded === '' ? contentType : start + encoded;
}

export function splitName(contentType: string): { readonly contentType: string; readonly name: string } {
  const found = PARAMETER.exec(contentType);
  if (found === null) return { contentType, name: '' };
  return { contentType: contentType.slice(0, found.index), name: decoded(found.groups?.['name'] ?? '') };
}

/** For a reader that saves it; of RFC 6266. */
export function dispositionOf(name: string): string {
  const encoded = encodeURIComponent(name).replaceAll(/[!'()*]/g, escaped);
  return name === '' ? 'attachment' : `attachment; filename*=UTF-8''${encoded}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function escaped(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
