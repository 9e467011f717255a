import { type Curve } from '../../../../../node/identity/wallets/curve.ts';
import { loadCurve } from '../../../../../node/identity/wallets/load-curve.ts';

const loaded = await loadCurve();

/** Why tests of the native addon are skipped; false where it loads. */
export const NATIVE =
  loaded.implementation === 'native'
    ? false
    : `the secp256k1 addon has no binary for ${process.platform}-${process.arch}`;

export function nativeCurve(): Curve {
  return loaded;
}
