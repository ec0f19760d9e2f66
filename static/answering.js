// The mode of the composer: the next message answers another, or corrects an own one. Loaded when first needed.

import { createElement } from "./element.js";
import { formatNodes } from "./texts.js";

/** Shows above the composer what its text is for. Escape and the button end it. `storage` keeps it under `key` for a reload. */
export class Answering {
  #composer;
  #texts;
  #storage;
  #key;
  #parts;
  #current = null;

  constructor({ document, composer, texts, storage, key }) {
    this.#composer = composer;
    this.#texts = texts;
    this.#storage = storage;
    this.#key = key;
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
    this.#showReply(message);
    this.#composer.focus();
  }

  /** The composer holds the text of one's own message; what was in it comes back afterwards. */
  edit(message) {
    this.#leave();
    this.#composer.startEdit(message.text);
    this.#showEdit(message);
    this.#composer.focus();
  }

  /** Goes on with what the composer was for before a reload. */
  resume() {
    const { isEdit, ...message } = this.#storage.readJson(this.#key, {});
    if (this.#current || typeof message.id !== "string") return;
    if (!isEdit) return this.#showReply(message);
    this.#composer.resumeEdit(message.text);
    this.#showEdit(message);
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

  #showReply({ id, from, text }) {
    this.#storage.writeJson(this.#key, { id, from, text });
    this.#show({ replyTo: id }, formatNodes(this.#texts.replying_to, { username: from }), text);
  }

  #showEdit({ id, text }) {
    this.#storage.writeJson(this.#key, { isEdit: true, id, text });
    this.#show({ target: id, before: text }, [this.#texts.editing], text);
  }

  #show(current, title, quote) {
    this.#current = current;
    const { bar, text } = this.#parts;
    text.replaceChildren(createElement("b", "", ...title), " ", createElement("span", "", quote));
    bar.hidden = false;
    this.#composer.onResize();
  }

  #leave() {
    if (this.#current?.target) this.#composer.endEdit();
    this.#hide();
  }

  #hide() {
    this.#current = null;
    this.#storage.remove(this.#key);
    this.#parts.bar.hidden = true;
    this.#composer.onResize();
  }
}
