// Positions in the log, written <epoch>-<n>. Both parts can exceed what a number holds exactly.

/** Compares two ids as the log orders them: negative, 0 or positive. */
export function compare(a, b) {
  const [aEpoch, aN] = a.split("-").map(BigInt);
  const [bEpoch, bN] = b.split("-").map(BigInt);
  if (aEpoch !== bEpoch) return aEpoch < bEpoch ? -1 : 1;
  return aN === bN ? 0 : aN < bN ? -1 : 1;
}
