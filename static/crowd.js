// The people of a room with too many to know them all: page by page from the server, and searched there. No DOM.

/** `fetchMembers` takes { search, after } and returns { members, count, more }. `onChange` is called when there is something new to show. */
export class Crowd {
  #fetchMembers;
  #search = "";
  /** Identifies the list that a page belongs to: a page of a former one is dropped. */
  #list = {};
  #isLoading = false;
  names = [];
  hasMore = false;
  hasFailed = false;
  loadedAt = -Infinity;
  onChange = () => {};

  constructor({ fetchMembers, now = Date.now }) {
    this.#fetchMembers = fetchMembers;
    this.now = now;
  }

  /** Loads the first page of the people whom a search finds; an empty one finds all. */
  async load(search = this.#search) {
    this.#search = search;
    this.#list = {};
    this.loadedAt = this.now();
    await this.#fetch({ search }, []);
  }

  /** Loads the next page. */
  async loadMore() {
    if (!this.#isLoading) await this.#fetch({ search: this.#search, after: this.names.at(-1) }, this.names);
  }

  async #fetch(query, before) {
    const list = this.#list;
    this.#isLoading = true;
    try {
      const { members, more } = await this.#fetchMembers(query);
      if (list !== this.#list) return;
      Object.assign(this, { names: [...new Set([...before, ...members])], hasMore: more, hasFailed: false });
    } catch {
      if (list !== this.#list) return;
      this.hasFailed = true;
    }
    this.#isLoading = false;
    this.onChange();
  }
}
