// Who is here, as a list.

import { button, element } from "./element.js";
import { avatar } from "./person.js";

/** In a list that is shorter nobody has to be searched for. */
const SEARCHED_FROM = 8;

/** Shows a Presence beside the conversation, and the count where there is no room for it. */
export class People {
  #parts;
  #you;
  #texts;
  #muted;
  #names = null;

  constructor({ document, you, texts, muted }) {
    const part = (id) => document.getElementById(id);
    this.#parts = {
      list: part("members"),
      counts: [part("people-count"), part("people-count-short")],
      crowd: part("crowd"),
      search: part("people-search"),
      nobody: part("nobody"),
    };
    this.#you = you;
    this.#texts = texts;
    this.#muted = muted;
    this.#parts.crowd.textContent = texts.crowd;
    this.#parts.nobody.textContent = texts.nobody;
    this.#parts.search.addEventListener("input", () => this.#list());
    foldable(document, part("people-toggle"), part("people"));
  }

  show(presence) {
    const { counts, crowd, search } = this.#parts;
    this.#names = presence.sorted(this.#you, this.#texts.lang);
    const count = new Intl.NumberFormat(this.#texts.lang).format(presence.count);
    for (const each of counts) each.textContent = count;
    crowd.hidden = this.#names !== null;
    search.parentElement.hidden = (this.#names?.length ?? 0) < SEARCHED_FROM && search.value === "";
    this.#list();
  }

  /** Somebody was muted or is heard again. */
  refresh() {
    this.#list();
  }

  #list() {
    const { list, search, nobody } = this.#parts;
    const sought = folded(search.value.trim());
    const present = this.#names ?? [];
    // Whoever is muted can be heard again though they are not here.
    const absent = this.#muted.names.filter((name) => !present.includes(name));
    const found = [...present, ...absent].filter((name) => folded(name).includes(sought));
    const focused = list.querySelector(":focus")?.closest("li").dataset.name;
    list.replaceChildren(...found.map((name) => this.#item(name)));
    if (focused) list.querySelector(`[data-name="${CSS.escape(focused)}"] button`)?.focus();
    nobody.hidden = sought === "" || found.length > 0;
  }

  #item(name) {
    const made = element("li", "", avatar(name), element("bdi", "", name));
    if (name === this.#you) made.append(element("span", "quiet", this.#texts.you));
    else made.append(this.#mute(name));
    made.classList.toggle("you", name === this.#you);
    made.dataset.name = name;
    return made;
  }

  #mute(name) {
    const made = button("link mute", this.#texts.mute, () => this.#muted.toggle(name));
    made.append(element("span", "unseen", ` ${name}`));
    made.ariaPressed = String(this.#muted.has(name));
    return made;
  }
}

/** Without the differences that nobody types when they search. */
function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}

/** On a narrow page the panel is shown when asked for, and goes with Escape or a touch beside it. */
function foldable(document, toggle, panel) {
  const shown = (on) => {
    document.body.classList.toggle("people-shown", on);
    toggle.ariaExpanded = String(on);
  };
  toggle.addEventListener("click", () => shown(!document.body.classList.contains("people-shown")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !document.body.classList.contains("people-shown")) return;
    shown(false);
    toggle.focus();
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!panel.contains(target) && !toggle.contains(target)) shown(false);
  });
}
