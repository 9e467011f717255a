/** Which listener this command asks: an error that it ends in can be explained by asking once more. */
export interface Asked {
  /** Its origin. */
  readonly url: string;
  /** The option that names it. */
  readonly option: '--url' | '--admin';
}

/** Error code for an answer of another server. */
export const NOT_MAILLON = 'not_maillon';

let asked: Asked | null = null;

/** From now on `listener` is asked. */
export function asking(listener: Asked): void {
  asked = listener;
}

/** The listener that is asked; null before there is one. */
export function askedLast(): Asked | null {
  return asked;
}
