// Completes @name before the caret. Knows no DOM.

const NAME_AT_MOST = 32;

/**
 * What could stand at the caret: { start, names }, where `start` is the place of the @, or null where there is no @ or
 * nobody of that name.
 */
export function candidates(text, caret, names) {
  const start = text.lastIndexOf("@", caret - 1);
  if (start < 0 || caret - start > NAME_AT_MOST + 1) return null;
  if (start > 0 && /[\p{L}\p{N}_]/u.test(text[start - 1])) return null;
  const begun = text.slice(start + 1, caret).toLocaleLowerCase();
  if (begun.includes("\n")) return null;
  const fitting = names.filter((name) => name.toLocaleLowerCase().startsWith(begun));
  return fitting.length > 0 ? { start, names: fitting } : null;
}

/** The Tab key's walk through the candidates, from the first to the last and around. */
export class Completion {
  #walk = null;

  /** Answers the new { text, caret }, or null where there is nothing to complete. */
  next({ text, caret }, names) {
    const going = this.#walk && this.#walk.text === text && this.#walk.caret === caret;
    if (!going) {
      const found = candidates(text, caret, names);
      if (!found) return null;
      this.#walk = { ...found, at: -1, before: text.slice(0, found.start), after: text.slice(caret) };
    }
    const walk = this.#walk;
    walk.at = (walk.at + 1) % walk.names.length;
    const head = `${walk.before}@${walk.names[walk.at]} `;
    Object.assign(walk, { text: head + walk.after.replace(/^ /, ""), caret: head.length });
    return { text: walk.text, caret: walk.caret };
  }
}
