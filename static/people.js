// Who is here, as a list.

import { element } from "./message.js";

/** Shows a Presence beside the conversation, and the count where there is no room for it. */
export class People {
  #parts;
  #you;
  #texts;

  constructor({ document, you, texts }) {
    const part = (id) => document.getElementById(id);
    this.#parts = {
      list: part("members"),
      counts: [part("people-count"), part("people-count-short")],
      crowd: part("crowd"),
    };
    this.#you = you;
    this.#texts = texts;
    this.#parts.crowd.textContent = texts.crowd;
    const toggle = part("people-toggle");
    toggle.addEventListener("click", () => {
      const shown = document.body.classList.toggle("people-shown");
      toggle.setAttribute("aria-expanded", String(shown));
    });
  }

  show(presence) {
    const { list, counts, crowd } = this.#parts;
    const names = presence.sorted(this.#you, this.#texts.lang);
    for (const count of counts) count.textContent = String(presence.count);
    crowd.hidden = names !== null;
    list.replaceChildren(...(names ?? []).map((name) => this.#item(name)));
  }

  #item(name) {
    const avatar = element("span", "avatar", initial(name));
    avatar.dataset.hue = String(hue(name));
    avatar.ariaHidden = "true";
    const made = element("li", "", avatar, element("bdi", "", name));
    if (name === this.#you) made.append(element("span", "quiet", this.#texts.you));
    made.classList.toggle("you", name === this.#you);
    made.dataset.name = name;
    return made;
  }
}

function initial(name) {
  const [first] = new Intl.Segmenter().segment(name);
  return first.segment.toLocaleUpperCase();
}

/** One of the style sheet's eight hues, the same for a name everywhere. */
function hue(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 131 + character.codePointAt(0)) % 9973;
  return sum % 8;
}
