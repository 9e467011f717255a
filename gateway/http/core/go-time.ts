/** Times as DeBros clients, written in Go, expect them. */

export const NANOSECONDS_PER_MS = 1e6;

/** A duration as Go prints it: `1h2m3.5s`. */
export function goDuration(ms: number): string {
  const seconds = ms / 1000;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = `${Number((seconds % 60).toFixed(3))}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
