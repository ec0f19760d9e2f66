// The quotes of answers: filled as they are shown, and followed by a press. What fills them is loaded with the first.

import { fetchAround, loadModule } from "./api.js";

/** `place` is what a way to a quoted message needs: the timeline, its window and view, the scroll position, and `updateEarlier`. */
export class Quoting {
  #box;
  #you;
  #texts;
  #place;
  #quotes = null;

  constructor({ box, you, texts, ...place }) {
    this.#box = box;
    this.#you = you;
    this.#texts = texts;
    this.#place = place;
    for (const quote of box.querySelectorAll(".quote")) this.fill(quote);
    box.addEventListener("click", async ({ target }) => {
      const quote = target.closest(".quote");
      if (quote) (await this.#load())?.jump(quote.dataset.id);
    });
  }

  /** Fills an empty quote. */
  async fill(quote) {
    (await this.#load())?.fill(quote);
  }

  /** A message has changed: its quotes follow. */
  async update(id) {
    this.#quotes?.update(id, this.#box.querySelectorAll(`.quote[data-id="${CSS.escape(id)}"]`));
  }

  /** Returns whether a message answers one of the user's own. */
  async isAnswerToYou({ reply_to: id }) {
    try {
      return id !== undefined && (await (await this.#load()).load(id))?.from === this.#you;
    } catch {
      return false;
    }
  }

  /** Resolves to null without a connection. */
  async #load() {
    const use = { document, you: this.#you, texts: this.#texts, fetchAround, ...this.#place };
    const module = await loadModule("quotes.js").catch(() => null);
    return (this.#quotes ??= module && new module.Quotes(use));
  }
}
