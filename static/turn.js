// Messages of one person that are close in time are shown as one turn: the name is said once.

import { sameDay } from "./clock.js";

const TURN_MS = 5 * 60 * 1000;

/** Whether `row` continues the turn of the row before it. */
export function follows(before, row) {
  if (before?.kind !== "message" || row?.kind !== "message") return false;
  const [earlier, later] = [before.message, row.message];
  return earlier.from === later.from && later.at - earlier.at < TURN_MS && sameDay(earlier.at, later.at);
}
