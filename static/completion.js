// Completes @name before the caret. Does not touch the DOM. Loaded with the first text that may have a name.

import { canMentionAt } from "./rich_text.js";

const LONGEST_NAME = 32;

/** Returns what stands between an @ and the caret, in lower case; null where there is nothing to complete. */
function mentionPrefix(text, caret) {
  const start = findSign(text, caret);
  if (start < 0 || caret - start > LONGEST_NAME + 1 || !canMentionAt(text, start)) return null;
  const prefix = text.slice(start + 1, caret).toLocaleLowerCase();
  return prefix.includes("\n") ? null : prefix;
}

/**
 * Finds the names that could stand at the caret: { start, names }, where `start` is the index of the @. Returns null
 * where there is no @ or no name matches.
 */
export function findCandidates(text, caret, names) {
  const prefix = mentionPrefix(text, caret);
  if (prefix === null) return null;
  const matches = names.filter((name) => name.toLocaleLowerCase().startsWith(prefix));
  return matches.length > 0 ? { start: findSign(text, caret), names: matches } : null;
}

/** Returns the index of the last @ before the caret; the keyboards of some languages write a wide one. */
function findSign(text, caret) {
  return caret > 0 ? Math.max(text.lastIndexOf("@", caret - 1), text.lastIndexOf("＠", caret - 1)) : -1;
}

/** Goes through the candidates, one for each press of Tab; after the last one, Tab leaves the box. */
export class Completion {
  #cycle = null;

  /** Returns what is to be completed at the caret, in lower case; null where there is nothing. */
  prefixAt({ text, caret }) {
    return mentionPrefix(text, caret);
  }

  /** Returns whether the next press goes on with the candidates of the last one. */
  continues({ text, caret }) {
    return this.#cycle !== null && this.#cycle.text === text && this.#cycle.caret === caret;
  }

  /**
   * Returns the edit { start, end, insert } and what it leads to, { text, caret }; null where there is nothing to complete,
   * or every candidate was shown.
   */
  next({ text, caret }, names) {
    if (!this.continues({ text, caret })) {
      const found = findCandidates(text, caret, names);
      if (!found) return null;
      this.#cycle = { ...found, index: -1, before: text.slice(0, found.start) };
    }
    const cycle = this.#cycle;
    cycle.index += 1;
    if (cycle.index >= cycle.names.length) {
      this.#cycle = null;
      return null;
    }
    const insert = `@${cycle.names[cycle.index]} `;
    const end = caret + (cycle.index === 0 && text[caret] === " " ? 1 : 0);
    const after = text.slice(end);
    Object.assign(cycle, { text: cycle.before + insert + after, caret: cycle.start + insert.length });
    return { start: cycle.start, end, insert, text: cycle.text, caret: cycle.caret };
  }
}
