// What is on its way, shown below the conversation.

import { button, element } from "./element.js";

/** A message that is kept sooner needs no word about its way. */
const SLOW_MS = 5000;

/** Shows the entries of an Outbox. `again` and `discard` are called with the nonce of a refused one. */
export class OutboxView {
  #list;
  #texts;
  #scroll;
  #slow;
  again = () => {};
  discard = () => {};

  constructor({ list, texts, scroll }) {
    this.#list = list;
    this.#texts = texts;
    this.#scroll = scroll;
  }

  show(entries) {
    clearTimeout(this.#slow);
    this.#scroll.keeping(() => this.#list.replaceChildren(...entries.map((entry) => this.#item(entry))));
    const waits = entries.filter((entry) => this.#pends(entry)).map(({ saidAt }) => SLOW_MS - (Date.now() - saidAt));
    const next = Math.min(...waits.filter((ms) => ms > 0));
    if (Number.isFinite(next)) this.#slow = setTimeout(() => this.show(entries), next + 1);
  }

  #item(entry) {
    const text = element("div", "text", entry.text);
    text.dir = "auto";
    const way = element("span", "way", "…");
    way.ariaHidden = "true";
    const made = element("li", "message own pending", element("div", "bubble", text, way));
    made.dataset.nonce = entry.nonce;
    made.dataset.state = entry.state;
    if (entry.state === "refused") made.append(this.#refused(entry));
    else if (this.#pends(entry) && Date.now() - entry.saidAt >= SLOW_MS) made.append(this.#late(entry));
    return made;
  }

  #pends({ state }) {
    return state === "waiting" || state === "sent";
  }

  #late({ state }) {
    if (state === "waiting") return element("p", "fate", this.#texts.waiting);
    const fate = element("p", "fate", this.#texts.sending);
    const spinner = element("span", "spinner");
    spinner.ariaHidden = "true";
    fate.prepend(spinner);
    return fate;
  }

  #refused({ nonce, reason }) {
    const reasons = { too_long: "refused_too_long", unsure: "refused_unsure", stale: "refused_stale" };
    const fate = element("p", "fate", this.#texts[reasons[reason] ?? "refused"]);
    fate.setAttribute("role", "status");
    const choice = (text, action) => button("link", text, () => action(nonce));
    const again = choice(this.#texts.again, (each) => this.again(each));
    fate.append(" ", again, " ", choice(this.#texts.discard, (each) => this.discard(each)));
    return fate;
  }
}
