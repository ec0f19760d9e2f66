// Completes @name before the caret. Does not touch the DOM.

import { canMentionAt } from "./rich_text.js";

const LONGEST_NAME = 32;

/**
 * Finds the names that could stand at the caret: { start, names }, where `start` is the index of the @. Returns null
 * where there is no @ or no name matches.
 */
export function findCandidates(text, caret, names) {
  const start = text.lastIndexOf("@", caret - 1);
  if (start < 0 || caret - start > LONGEST_NAME + 1) return null;
  if (!canMentionAt(text, start)) return null;
  const prefix = text.slice(start + 1, caret).toLocaleLowerCase();
  if (prefix.includes("\n")) return null;
  const matches = names.filter((name) => name.toLocaleLowerCase().startsWith(prefix));
  return matches.length > 0 ? { start, names: matches } : null;
}

/** Cycles through the candidates, one for each press of Tab. */
export class Completion {
  #cycle = null;

  /** Returns the new { text, caret }, or null where there is nothing to complete. */
  next({ text, caret }, names) {
    const continues = this.#cycle && this.#cycle.text === text && this.#cycle.caret === caret;
    if (!continues) {
      const found = findCandidates(text, caret, names);
      if (!found) return null;
      this.#cycle = { ...found, index: -1, before: text.slice(0, found.start), after: text.slice(caret) };
    }
    const cycle = this.#cycle;
    cycle.index = (cycle.index + 1) % cycle.names.length;
    const head = `${cycle.before}@${cycle.names[cycle.index]} `;
    Object.assign(cycle, { text: head + cycle.after.replace(/^ /, ""), caret: head.length });
    return { text: cycle.text, caret: cycle.caret };
  }
}
