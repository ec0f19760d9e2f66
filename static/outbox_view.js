// What is on its way, shown below the conversation.

import { element } from "./message.js";

/** Shows the entries of an Outbox. `again` and `discard` are called with the nonce of a refused one. */
export class OutboxView {
  #list;
  #texts;
  #scroll;
  again = () => {};
  discard = () => {};

  constructor({ list, texts, scroll }) {
    this.#list = list;
    this.#texts = texts;
    this.#scroll = scroll;
  }

  show(entries) {
    this.#scroll.keeping(() => this.#list.replaceChildren(...entries.map((entry) => this.#item(entry))), true);
  }

  #item(entry) {
    const text = element("p", "text", entry.text);
    text.dir = "auto";
    const made = element("li", "message own pending", text, element("p", "fate", this.#fate(entry)));
    made.dataset.nonce = entry.nonce;
    made.dataset.state = entry.state;
    if (entry.state === "refused") made.lastChild.append(" ", ...this.#choices(entry.nonce));
    return made;
  }

  #fate({ state, reason }) {
    if (state === "refused") return reason === "too_long" ? this.#texts.refused_too_long : this.#texts.refused;
    return state === "waiting" ? this.#texts.waiting : this.#texts.sending;
  }

  #choices(nonce) {
    const choice = (text, action) => {
      const button = element("button", "link", text);
      button.type = "button";
      button.addEventListener("click", () => action(nonce));
      return button;
    };
    return [choice(this.#texts.again, (nonce) => this.again(nonce)), " ", choice(this.#texts.discard, (nonce) => this.discard(nonce))];
  }
}
