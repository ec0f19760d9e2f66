// Reads new messages out to screen readers. History that is loaded, or shown again, is not new.

import { createElement, doNotTranslate } from "./element.js";
import { formatCount } from "./texts.js";

/** Messages that arrive together are announced together. */
const BATCH_MS = 250;
/** More messages at once are counted, not read out. */
const MAX_READ = 3;
/** Lines that stay in the region; screen readers read only what is added. */
const MAX_LINES = 20;
const MAX_CHARACTERS = 300;

export class Announcer {
  #region;
  #texts;
  #delay;
  #batch = [];

  constructor({ region, texts, delay = (action) => setTimeout(action, BATCH_MS) }) {
    this.#region = region;
    this.#texts = texts;
    this.#delay = delay;
  }

  add(message) {
    this.#batch.push(message);
    if (this.#batch.length === 1) this.#delay(() => this.#announce());
  }

  #announce() {
    const batch = this.#batch;
    this.#batch = [];
    const counted = () => [createElement("p", "", formatCount(this.#texts, this.#texts.newest_counted, batch.length))];
    this.#region.append(...(batch.length > MAX_READ ? counted() : batch.map(createLine)));
    while (this.#region.children.length > MAX_LINES) this.#region.firstElementChild.remove();
  }
}

function createLine({ from, text }) {
  const name = doNotTranslate(createElement("bdi", "", from));
  const isLong = text.length > MAX_CHARACTERS;
  const words = createElement("bdi", "", isLong ? `${text.slice(0, MAX_CHARACTERS)}…` : text);
  return createElement("p", "", name, ": ", words);
}
