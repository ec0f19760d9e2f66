// Shows the messages that are not yet in the conversation, below it.

import { createButton, createElement } from "./element.js";
import { createPendingMessage } from "./message.js";

/** A message that takes longer than this shows its status. */
const SLOW_MS = 5000;
/** Rules that refuse a text, whether it is new or a correction. */
const RULES = new Set(["word", "link", "newcomer", "repeat", "muted", "read_only"]);

/** Shows the entries of an Outbox. `onRetry` and `onDiscard` are called with the nonce of a refused one. */
export class OutboxView {
  #list;
  #you;
  #texts;
  #scroll;
  #timer;
  onRetry = () => {};
  onDiscard = () => {};
  /** Called after either: its button is gone. */
  onDone = () => {};
  /** Called with the empty quote of an answer. */
  onQuote = () => {};

  constructor({ list, you, texts, scroll }) {
    this.#list = list;
    this.#you = you;
    this.#texts = texts;
    this.#scroll = scroll;
  }

  show(entries) {
    clearTimeout(this.#timer);
    this.#scroll.preserve(() => this.#list.replaceChildren(...entries.map((entry) => this.#createItem(entry))));
    const waits = entries.filter(isPending).map(({ saidAt }) => SLOW_MS - Math.abs(Date.now() - saidAt));
    const next = Math.min(...waits.filter((ms) => ms > 0));
    if (Number.isFinite(next)) this.#timer = setTimeout(() => this.show(entries), next + 1);
  }

  #createItem(entry) {
    const item = createPendingMessage(entry, this.#you);
    const quote = item.querySelector(".quote");
    if (quote) this.onQuote(quote);
    if (entry.state === "refused") item.append(this.#createRefusal(entry));
    else if (isPending(entry) && Math.abs(Date.now() - entry.saidAt) >= SLOW_MS) item.append(this.#createDelay(entry));
    return item;
  }

  #createDelay({ state }) {
    if (state === "waiting") return createElement("p", "delivery", this.#texts.waiting);
    const status = createElement("p", "delivery", this.#texts.sending);
    const spinner = createElement("span", "spinner");
    spinner.setAttribute("aria-hidden", "true");
    status.prepend(spinner);
    return status;
  }

  #createRefusal({ nonce, reason, kind }) {
    const text = kind && !RULES.has(reason) ? "refused_edit" : `refused_${reason}`;
    const status = createElement("p", "delivery", this.#texts[text] ?? this.#texts.refused);
    status.setAttribute("role", "status");
    const retry = createButton("link", kind ? this.#texts.as_new : this.#texts.again, () => this.#finish(() => this.onRetry(nonce)));
    status.append(" ", retry, " ", createButton("link", this.#texts.discard, () => this.#finish(() => this.onDiscard(nonce))));
    return status;
  }

  #finish(act) {
    act();
    this.onDone();
  }
}

function isPending({ state }) {
  return state === "waiting" || state === "sent";
}
