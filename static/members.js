// The people of the room: who is here, their list, and their names for completion.

import { fetchMembers } from "./api.js";
import { PeopleView } from "./people.js";
import { Presence } from "./presence.js";

const MAX_LISTED = 200;
const MAX_FETCHES = 3;
const MAX_COMPLETIONS = 20;

export class Members {
  presence = new Presence();
  #you;
  #lang;
  #view;
  #isFetching = false;

  constructor({ document, you, texts, mutes, hues }) {
    this.#you = you;
    this.#lang = texts.lang;
    const openCrowd = async () => new (await import("./crowd.js")).Crowd({ fetchMembers });
    this.#view = new PeopleView({ document, you, texts, mutes, hues, openCrowd });
  }

  /** The names of programs. */
  set bots(names) {
    this.#view.bots = names;
  }

  /** Shows the list, and fetches the names when frames no longer bring them all and the room is small enough to list. */
  async show() {
    this.#view.show(this.presence);
    if (this.#isFetching) return;
    this.#isFetching = true;
    try {
      for (let n = 0; n < MAX_FETCHES && !this.presence.names && this.presence.count <= MAX_LISTED; n += 1) {
        await this.presence.refresh(() => fetchMembers({ limit: MAX_LISTED }));
      }
    } catch {
      // The next change fetches again.
    } finally {
      this.#isFetching = false;
      this.#view.show(this.presence);
    }
  }

  /** The muted names have changed. */
  refresh() {
    this.#view.refresh();
  }

  /** A person's avatar has another hue. */
  recolour(name) {
    this.#view.recolour(name);
  }

  /** Returns the names of others that may complete a prefix, or a promise of them: in a crowd only the server knows all. */
  namesFor(prefix) {
    const names = this.presence.sortedNames(this.#you, this.#lang);
    if (names) return this.#others(names);
    // After a completed name, Tab leaves the box.
    return prefix.endsWith(" ") ? [] : this.#search(prefix);
  }

  async #search(search) {
    try {
      return this.#others((await fetchMembers({ search, limit: MAX_COMPLETIONS })).members);
    } catch {
      return [];
    }
  }

  #others(names) {
    return names.filter((name) => name !== this.#you);
  }
}
