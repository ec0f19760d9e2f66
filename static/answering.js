// What the next message does besides being one: it answers another, or corrects one's own. Loaded when it is first needed.

import { createElement } from "./element.js";
import { formatNodes } from "./texts.js";

/** Shows above the composer what its text is for. Escape and the button end it. */
export class Answering {
  #composer;
  #texts;
  #parts;
  #current = null;

  constructor({ document, composer, texts }) {
    this.#composer = composer;
    this.#texts = texts;
    const [bar, text, cancel] = ["context", "context-text", "context-cancel"].map((id) => document.getElementById(id));
    this.#parts = { bar, text };
    cancel.addEventListener("click", () => this.cancel());
    document.getElementById("composer").addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing || !this.#current) return;
      event.preventDefault();
      this.cancel();
    });
  }

  /** The next message answers this one. */
  reply(message) {
    this.#leave();
    this.#show({ replyTo: message.id }, formatNodes(this.#texts.replying_to, { username: message.from }), message.text);
  }

  /** The composer holds the text of one's own message; what was in it comes back afterwards. */
  edit(message) {
    this.#leave();
    this.#composer.startEdit(message.text);
    this.#show({ target: message.id, before: message.text }, [this.#texts.editing], message.text);
  }

  /** Returns what a text that was sent is for, { replyTo } or { target, before }, and ends it; null for a message of its own. */
  take() {
    const current = this.#current;
    this.#hide();
    return current;
  }

  cancel() {
    this.#leave();
    this.#composer.focus();
  }

  #show(current, title, quote) {
    this.#current = current;
    const { bar, text } = this.#parts;
    text.replaceChildren(createElement("b", "", ...title), " ", createElement("span", "", quote));
    bar.hidden = false;
    this.#composer.onResize();
    this.#composer.focus();
  }

  #leave() {
    if (this.#current?.target) this.#composer.endEdit();
    this.#hide();
  }

  #hide() {
    this.#current = null;
    this.#parts.bar.hidden = true;
    this.#composer.onResize();
  }
}
