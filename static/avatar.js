// Avatars: the initial of a name on one of the hues of the style sheet. src/web/avatar.rs draws the same ones;
// tests/page/avatar_hues.json holds the cases that both are tested with.

import { createElement, doNotTranslate } from "./element.js";
import { splitGraphemes } from "./rich_text.js";

const HUES = 12;
/** From one candidate to the next; it has no common factor with HUES. */
const STEP = 5;
/** People who speak near each other have different hues. */
const NEAR = 8;
/** The hues of those next to each other differ clearly. */
const NEXT = 2;
const MAX_NAMES = 5_000;

/** The hues of people: given by their names, and changed where two who speak after one another would have the same. */
export class Hues {
  #assigned = new Map();

  /** Returns the hue of a name. */
  of(name) {
    return this.#assigned.get(name) ?? hash(name);
  }

  /** Takes over a hue that is shown already. */
  adopt(name, hue) {
    this.#assigned.set(name, hue);
  }

  /** A person speaks near others (names, the nearest first); returns whether the hue that they have has changed. */
  settle(name, near) {
    const taken = near.slice(0, NEAR).map((other) => this.of(other));
    const next = taken.slice(0, NEXT);
    if (this.#assigned.has(name) && !next.includes(this.of(name))) return false;
    const former = this.of(name);
    const candidates = Array.from({ length: HUES }, (_, n) => (hash(name) + n * STEP) % HUES);
    const free = candidates.filter((hue) => !taken.includes(hue));
    const clearOf = (others) => free.find((hue) => others.every((other) => distance(hue, other) > 1));
    this.#assigned.set(name, clearOf(taken) ?? clearOf(next) ?? free[0]);
    if (this.#assigned.size > MAX_NAMES) this.#assigned.delete(this.#assigned.keys().next().value);
    return this.of(name) !== former;
  }
}

/** Creates the avatar of a name. It is decoration: the name stands beside it. */
export function createAvatar(name, hue) {
  const avatar = createElement("span", "avatar");
  avatar.setAttribute("aria-hidden", "true");
  fillAvatar(avatar, name, hue);
  return doNotTranslate(avatar);
}

/** Writes the initial and the hue of a name into an avatar. */
export function fillAvatar(avatar, name, hue) {
  avatar.textContent = initial(name);
  avatar.dataset.hue = String(hue);
}

function initial(name) {
  return splitGraphemes(name)[0]?.toLocaleUpperCase() ?? "";
}

function distance(a, b) {
  const steps = Math.abs(a - b);
  return Math.min(steps, HUES - steps);
}

function hash(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 131 + character.codePointAt(0)) % 9973;
  return sum % HUES;
}
