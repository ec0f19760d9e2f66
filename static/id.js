// Message ids: <epoch>-<n>. Both parts can exceed the integers that a number represents exactly.

/** Compares two ids in the order of the log: negative, 0 or positive. */
export function compareIds(a, b) {
  const [aEpoch, aN] = a.split("-").map(BigInt);
  const [bEpoch, bN] = b.split("-").map(BigInt);
  if (aEpoch !== bEpoch) return aEpoch < bEpoch ? -1 : 1;
  return aN === bN ? 0 : aN < bN ? -1 : 1;
}

/** Returns whether two ids belong to the same history of the room. */
export function isSameEpoch(a, b) {
  return a.split("-")[0] === b.split("-")[0];
}

/** Returns how many ids follow `a` up to `b`; null where they belong to different histories. */
export function distance(a, b) {
  return isSameEpoch(a, b) ? Number(b.split("-")[1]) - Number(a.split("-")[1]) : null;
}

/** Returns the id after one, in the same epoch. */
export function nextId(id) {
  const [epoch, n] = id.split("-");
  return `${epoch}-${BigInt(n) + 1n}`;
}
