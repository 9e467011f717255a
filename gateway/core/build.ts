/** Which program this is. */
export interface Build {
  readonly version: string;
  readonly commit: string;
  readonly builtAt: string;
}
