// The line above an answer that quotes what it answers. Loaded with the first answer.

import { createElement } from "./element.js";
import { formatNodes } from "./texts.js";

const TEXT_CHARS = 160;
/** Quoted messages that are remembered without being in the page. */
const MAX_KNOWN = 500;
/** Messages that are loaded around one that an answer leads to. */
const AROUND = 50;
/** How long a message that was jumped to is marked. */
const MARK_MS = 2_000;

/** Fills quotes, and shows what they quote. `fetchAround` loads a message with others; null: it is no longer stored. */
export class Quotes {
  #use;
  #known = new Map();
  #queue = Promise.resolve();

  constructor(use) {
    this.#use = use;
  }

  /** Fills an empty quote; what it quotes may have to be loaded. */
  fill(quote) {
    const { id } = quote.dataset;
    const message = this.#find(id) ?? this.#known.get(id);
    if (message !== undefined) return this.#show(quote, message);
    // One after the other: a page of answers must not use up the reads of its reader.
    this.#queue = this.#queue.then(() => this.#load(quote, id));
  }

  /** Returns the message with this id, loading it if needed; null if it is no longer stored. */
  async load(id) {
    const message = this.#find(id) ?? this.#known.get(id) ?? (await this.#fetch(id));
    this.#known.set(id, message);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value);
    return message;
  }

  /** A message has changed: its quotes follow. */
  update(id, quotes) {
    const message = this.#find(id);
    if (message) this.#known.set(id, message);
    for (const quote of quotes) this.fill(quote);
  }

  /** Shows a message, with those around it where it is not loaded. */
  async jump(id) {
    const { timeline, timelineWindow, timelineView, scroll, updateEarlier, fetchAround } = this.#use;
    const request = timeline.historyRequest(null);
    const page = timeline.has(id) ? null : await fetchAround(id, AROUND).catch(() => null);
    if (page) scroll.preserve(() => timeline.insertAround(request, page));
    updateEarlier();
    const row = timeline.rowOf(id);
    if (!row) return;
    timelineWindow.moveTo(row);
    const element = timelineView.elementOf(row);
    scroll.scrollTo(element);
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
    element.classList.add("marked");
    setTimeout(() => element.classList.remove("marked"), MARK_MS);
  }

  #find(id) {
    return this.#use.timeline.rowOf(id)?.message;
  }

  async #fetch(id) {
    return (await this.#use.fetchAround(id, 1))?.messages.find((message) => message.id === id) ?? null;
  }

  async #load(quote, id) {
    if (!quote.isConnected) return;
    try {
      this.#show(quote, await this.load(id));
    } catch {
      // Shown without; a press on it tries again.
    }
  }

  #show(quote, message) {
    const { texts, you } = this.#use;
    const note = message === null ? texts.quote_gone : message.removed ? texts.quote_removed : null;
    const name = message?.from ? [createElement("b", "", ...formatNodes("{username}", { username: message.from })), " "] : [];
    quote.replaceChildren(...name, note === null ? message.text.slice(0, TEXT_CHARS) : createElement("i", "", note));
    quote.disabled = message === null;
    // An answer to the user counts as a mention.
    if (message?.from === you) quote.closest(".message:not(.own)")?.classList.add("to-you");
  }
}
