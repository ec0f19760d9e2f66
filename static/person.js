// How a person looks: an initial on one of the style sheet's eight hues, the same for a name everywhere.

import { element } from "./element.js";

/** The round initial of a name; it says nothing that the name beside it does not. */
export function avatar(name) {
  const made = element("span", "avatar", initial(name));
  made.dataset.hue = String(hue(name));
  made.ariaHidden = "true";
  return made;
}

function initial(name) {
  const [first] = new Intl.Segmenter().segment(name);
  return first?.segment.toLocaleUpperCase() ?? "";
}

function hue(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 131 + character.codePointAt(0)) % 9973;
  return sum % 8;
}
