// The members of the room, as data. In a full room only their number is known.

/** `names` is null where the room has too many members to list. */
export class Presence {
  names = null;
  count = 0;
  /** Changes since a list was requested; null while there is no request. */
  #pending = null;

  /** Replaces everything with the members of a welcome. */
  reset({ count, names }) {
    this.count = count;
    this.names = names ? new Set(names) : null;
    this.#pending = null;
  }

  /** Applies a presence frame; returns the names that are really new or gone. The same frame twice changes nothing. */
  applyChange({ joined = [], left = [], count }) {
    this.#pending?.push({ joined, left });
    this.count = count;
    if (!this.names) return { joined, left };
    const gone = left.filter((name) => this.names.delete(name));
    const added = joined.filter((name) => !this.names.has(name));
    for (const name of added) this.names.add(name);
    this.#dropIncomplete();
    return { joined: added, left: gone };
  }

  /** Fetches the list of members anew. Changes that arrive meanwhile are newer than the list, and so is a welcome. */
  async refresh(fetchMembers) {
    const changes = (this.#pending = []);
    try {
      const { members, count } = await fetchMembers();
      if (this.#pending === changes) this.#applyList(members, changes.length > 0 ? this.count : count, changes);
    } finally {
      if (this.#pending === changes) this.#pending = null;
    }
  }

  /** Returns the names in the order of a language, one's own first. */
  sortedNames(you, lang) {
    if (!this.names) return null;
    const collator = new Intl.Collator(lang, { sensitivity: "base", numeric: true });
    const others = [...this.names].filter((name) => name !== you).sort(collator.compare);
    return this.names.has(you) ? [you, ...others] : others;
  }

  #applyList(members, count, changes) {
    this.count = count;
    this.names = new Set(members);
    for (const { joined, left } of changes) {
      for (const name of left) this.names.delete(name);
      for (const name of joined) this.names.add(name);
    }
    this.#dropIncomplete();
  }

  /** A frame may name only some of those who joined: then the list is not complete. */
  #dropIncomplete() {
    if (this.names.size !== this.count) this.names = null;
  }
}
