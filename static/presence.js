// Who is here, as data. In a full room only the count is known.

/** Names as shown; null where the room is too full to name everybody. */
export class Presence {
  names = null;
  count = 0;

  /** A welcome says it all. */
  welcome({ count, names }) {
    this.count = count;
    this.names = names ? new Set(names) : null;
  }

  /** A change; answers who really came and who really went, for the notices. Hearing it twice changes nothing. */
  change({ joined = [], left = [], count }) {
    this.count = count;
    if (!this.names) return { joined, left };
    const gone = left.filter((name) => this.names.delete(name));
    const come = joined.filter((name) => !this.names.has(name));
    for (const name of come) this.names.add(name);
    // The room may have named only some of those who came: then names no longer say who is here.
    if (this.names.size !== count) this.names = null;
    return { joined: come, left: gone };
  }

  /** Names in a reader's order, oneself first. */
  sorted(you, lang) {
    if (!this.names) return null;
    const collator = new Intl.Collator(lang, { sensitivity: "base", numeric: true });
    const others = [...this.names].filter((name) => name !== you).sort(collator.compare);
    return this.names.has(you) ? [you, ...others] : others;
  }
}
