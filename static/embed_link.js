// A room in a frame: how it looks there, and what the page around it is told.

/** Opens the link of this page, whose address (or that of the page before) has the query `search`. */
export function open(search) {
  const link = new EmbedLink({ parent, search });
  document.body.classList.add("embedded");
  document.body.classList.toggle("compact", link.isCompact);
  return link;
}

/** Tells the site around the frame what happens. */
export class EmbedLink {
  #parent;
  #origin;
  #query;

  constructor({ parent, search }) {
    this.#query = new URLSearchParams(search ?? "");
    this.#parent = parent;
    this.#origin = this.#query.get("parent");
  }

  get isCompact() {
    return this.#query.has("compact");
  }

  /** Where a person whose session has ended signs in: the site hands in a new token. */
  signInPath() {
    return this.isCompact ? "/embed?compact" : "/embed";
  }

  /** Tells the site something. The browser delivers it only if the site is the one of the address. */
  tell(kind, detail) {
    if (this.#origin !== null) this.#parent.postMessage({ ruang: kind, ...detail }, this.#origin);
  }
}
