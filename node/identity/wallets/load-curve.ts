import type { Curve } from './curve.ts';

/** The native addon; where it has no binary for this machine, or does not load, JavaScript at a twentieth of the speed. */
export async function loadCurve(): Promise<Curve> {
  try {
    const { createNativeCurve } = await import('./native-curve.ts');
    return createNativeCurve();
  } catch {
    const { createPortableCurve } = await import('./portable-curve.ts');
    return createPortableCurve();
  }
}
