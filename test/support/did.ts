/** `did:key` made from identity/SPEC.md alone. */
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

export function base58(bytes: Uint8Array): string {
  let text = '';
  for (let rest = BigInt(`0x00${Buffer.from(bytes).toString('hex')}`); rest > 0n; rest /= 58n) {
    text = `${BASE58[Number(rest % 58n)]}${text}`;
  }
  const zeros = bytes.findIndex((byte) => byte !== 0);
  return '1'.repeat(zeros === -1 ? bytes.byteLength : zeros) + text;
}

/** The DID of a key. */
export function didOf({ multikey }: { readonly multikey: Uint8Array }): string {
  return `did:key:z${base58(multikey)}`;
}
