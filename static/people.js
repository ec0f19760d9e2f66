// The list of the room's members.

import { createAvatar } from "./avatar.js";
import { createElement, createMenuButton, doNotTranslate } from "./element.js";
import { formatText } from "./texts.js";

/** A shorter list has no search box. */
const SEARCH_FROM = 8;
/** A pause this long ends a search text. */
const SEARCH_MS = 250;
/** People come and go all the time in a crowd: its list is this old at most. */
const CROWD_MS = 60_000;

/**
 * Shows a Presence beside the conversation, and the count in the header where the list has no space. Where the presence does
 * not know all names, a Crowd brings the list.
 */
export class PeopleView {
  #parts;
  #you;
  #texts;
  #mutes;
  #hues;
  /** Brings the list; null until it is first needed. */
  #crowd = null;
  #openCrowd;
  #names = null;
  #timer;
  #bots = new Set();

  constructor({ document, you, texts, mutes, hues, openCrowd }) {
    const part = (id) => document.getElementById(id);
    this.#parts = {
      list: part("members"),
      counts: [part("people-count"), part("people-count-short")],
      more: part("people-more"),
      search: part("people-search"),
      noMatch: part("no-match"),
    };
    this.#you = you;
    this.#texts = texts;
    this.#mutes = mutes;
    this.#hues = hues;
    this.#openCrowd = openCrowd;
    this.#parts.more.addEventListener("click", () => this.#crowd.loadMore());
    this.#parts.search.addEventListener("input", () => this.#handleSearch());
    part("clear-search").addEventListener("click", () => this.#clearSearch());
  }

  /** The names of programs, which have a mark. */
  set bots(names) {
    this.#bots = new Set(names);
  }

  show(presence) {
    const { counts, search } = this.#parts;
    this.#names = presence.sortedNames(this.#you, this.#texts.lang);
    const count = new Intl.NumberFormat(this.#texts.lang).format(presence.count);
    for (const element of counts) element.textContent = count;
    search.parentElement.hidden = presence.count < SEARCH_FROM && search.value === "";
    if (!this.#names) this.#updateCrowd();
    this.refresh();
  }

  /** Renders the list anew: the search text, the crowd or the muted names have changed. */
  refresh() {
    const { list, more, search, noMatch } = this.#parts;
    const query = foldName(search.value.trim());
    const found = this.#find(query);
    const focused = list.querySelector(":focus")?.closest("li").dataset.name;
    list.replaceChildren(...found.map((name) => this.#createItem(name)));
    if (focused) list.querySelector(`[data-name="${CSS.escape(focused)}"] button`)?.focus();
    more.hidden = this.#names !== null || !(this.#crowd?.hasMore || this.#crowd?.hasFailed);
    more.textContent = this.#crowd?.hasFailed ? this.#texts.load_failed : this.#texts.people_more;
    noMatch.hidden = query === "" || found.length > 0;
  }

  /** A person's avatar has another hue. */
  recolour(name) {
    const avatar = this.#parts.list.querySelector(`[data-name="${CSS.escape(name)}"] .avatar`);
    if (avatar) avatar.dataset.hue = this.#hues.of(name);
  }

  /** The names to show. Muted people who are not here are listed too, so that they can be unmuted. */
  #find(query) {
    const matches = (name) => foldName(name).includes(query);
    const present = this.#names?.filter(matches) ?? this.#crowdNames(query);
    const absent = this.#mutes.names.filter((name) => matches(name) && !present.includes(name));
    return [...present, ...absent];
  }

  async #updateCrowd() {
    if (!this.#crowd) {
      const crowd = await this.#openCrowd();
      // Another change may have opened one meanwhile.
      this.#crowd ??= crowd;
      this.#crowd.onChange = () => this.refresh();
    }
    if (Math.abs(Date.now() - this.#crowd.loadedAt) > CROWD_MS) await this.#crowd.load();
  }

  #crowdNames(query) {
    const others = (this.#crowd?.names ?? []).filter((name) => name !== this.#you);
    return query === "" || foldName(this.#you).includes(query) ? [this.#you, ...others] : others;
  }

  #handleSearch() {
    if (this.#names) return this.refresh();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#crowd?.load(this.#parts.search.value.trim()), SEARCH_MS);
  }

  #clearSearch() {
    this.#parts.search.value = "";
    this.#handleSearch();
    this.#parts.search.focus();
  }

  #createItem(name) {
    const label = doNotTranslate(createElement("bdi", "", name));
    const item = createElement("li", "", createAvatar(name, this.#hues.of(name)), label);
    if (this.#bots.has(name)) item.append(createElement("span", "bot", this.#texts.bot));
    item.dataset.name = name;
    if (name === this.#you) {
      item.append(createElement("span", "quiet", this.#texts.you));
      item.className = "you";
      return item;
    }
    if (this.#mutes.has(name)) item.append(createElement("span", "quiet mute-mark", this.#texts.is_muted));
    const menu = createMenuButton(formatText(this.#texts.menu_of, { username: name }));
    menu.tabIndex = 0;
    item.append(doNotTranslate(menu));
    return item;
  }
}

/** Removes the differences that people do not type in a search: case and accents. */
function foldName(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}
