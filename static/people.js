// The list of the room's members.

import { createAvatar } from "./avatar.js";
import { createButton, createElement, doNotTranslate } from "./element.js";

/** A shorter list has no search box. */
const SEARCH_FROM = 8;

/** Shows a Presence beside the conversation, and the count in the header where the list has no space. */
export class PeopleView {
  #parts;
  #you;
  #texts;
  #mutes;
  #hues;
  #names = null;
  #bots = new Set();

  constructor({ document, you, texts, mutes, hues }) {
    const part = (id) => document.getElementById(id);
    this.#parts = {
      list: part("members"),
      counts: [part("people-count"), part("people-count-short")],
      crowd: part("crowd"),
      search: part("people-search"),
      noMatch: part("no-match"),
    };
    this.#you = you;
    this.#texts = texts;
    this.#mutes = mutes;
    this.#hues = hues;
    this.#parts.crowd.textContent = texts.crowd;
    this.#parts.search.addEventListener("input", () => this.refresh());
    part("clear-search").addEventListener("click", () => this.#clearSearch());
    // A tap on a row shows its action.
    this.#parts.list.addEventListener("click", ({ target }) => this.#open(target.closest("li")));
  }

  /** The names of programs, which have a mark. */
  set bots(names) {
    this.#bots = new Set(names);
  }

  show(presence) {
    const { counts, crowd, search } = this.#parts;
    this.#names = presence.sortedNames(this.#you, this.#texts.lang);
    const count = new Intl.NumberFormat(this.#texts.lang).format(presence.count);
    for (const element of counts) element.textContent = count;
    crowd.hidden = this.#names !== null;
    search.parentElement.hidden = (this.#names?.length ?? 0) < SEARCH_FROM && search.value === "";
    this.refresh();
  }

  /** Renders the list anew: the search text or the muted names have changed. */
  refresh() {
    const { list, search, noMatch } = this.#parts;
    const query = foldName(search.value.trim());
    const present = this.#names ?? [];
    // A muted person who is not here is listed too, so that they can be unmuted.
    const absent = this.#mutes.names.filter((name) => !present.includes(name));
    const found = [...present, ...absent].filter((name) => foldName(name).includes(query));
    const focused = list.querySelector(":focus")?.closest("li").dataset.name;
    list.replaceChildren(...found.map((name) => this.#createItem(name)));
    if (focused) list.querySelector(`[data-name="${CSS.escape(focused)}"] button`)?.focus();
    noMatch.hidden = query === "" || found.length > 0;
  }

  /** A person's avatar has another hue. */
  recolour(name) {
    const avatar = this.#parts.list.querySelector(`[data-name="${CSS.escape(name)}"] .avatar`);
    if (avatar) avatar.dataset.hue = this.#hues.of(name);
  }

  #clearSearch() {
    this.#parts.search.value = "";
    this.refresh();
    this.#parts.search.focus();
  }

  #open(opened) {
    for (const item of this.#parts.list.children) item.classList.toggle("open", item === opened);
  }

  #createItem(name) {
    const label = doNotTranslate(createElement("bdi", "", name));
    const item = createElement("li", "", createAvatar(name, this.#hues.of(name)), label);
    if (this.#bots.has(name)) item.append(createElement("span", "bot", this.#texts.bot));
    if (name === this.#you) item.append(createElement("span", "quiet", this.#texts.you));
    else item.append(this.#createMuteButton(name));
    item.classList.toggle("you", name === this.#you);
    item.dataset.name = name;
    return item;
  }

  #createMuteButton(name) {
    const button = createButton("link mute", this.#texts.mute, () => this.#mutes.toggle(name));
    const label = doNotTranslate(createElement("span", "visually-hidden", ` ${name}`));
    button.append(label);
    button.setAttribute("aria-pressed", String(this.#mutes.has(name)));
    return button;
  }
}

/** Removes the differences that people do not type in a search: case and accents. */
function foldName(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}
