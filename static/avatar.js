// Avatars: the initial of a name on one of eight hues of the style sheet. The server draws the same ones.

import { createElement, doNotTranslate } from "./element.js";
import { splitGraphemes } from "./graphemes.js";

/** Creates the avatar of a name. It is decoration: the name stands beside it. */
export function createAvatar(name) {
  const avatar = createElement("span", "avatar");
  avatar.setAttribute("aria-hidden", "true");
  fillAvatar(avatar, name);
  return doNotTranslate(avatar);
}

/** Writes the initial and the hue of a name into an avatar. */
export function fillAvatar(avatar, name) {
  avatar.textContent = initial(name);
  avatar.dataset.hue = String(hue(name));
}

function initial(name) {
  return splitGraphemes(name)[0]?.toLocaleUpperCase() ?? "";
}

function hue(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 131 + character.codePointAt(0)) % 9973;
  return sum % 8;
}
