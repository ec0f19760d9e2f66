// A message as an element: the same markup as the server's template. What people wrote is only ever text.

import { show } from "./clock.js";

/** Makes a list item of an element's name, a class, and what it holds. */
export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** A message of the timeline. */
export function item(message, { you, texts }) {
  const from = element("bdi", "from", message.from ?? "");
  const time = document.createElement("time");
  if (message.at) show(time, message.at, texts.lang);
  const text = element("p", "text", message.removed ? texts.removed : message.text);
  text.dir = "auto";
  const made = element("li", "message", element("p", "by", from, " ", time), text);
  made.classList.toggle("own", message.from === you);
  made.classList.toggle("removed", message.removed === true);
  made.dataset.id = message.id;
  if (message.nonce) made.dataset.nonce = message.nonce;
  if (message.at) made.dataset.at = message.at;
  return made;
}

/** Reads a message back from the server's markup, and shows its moment in the reader's own time. */
export function adopt(made, lang) {
  const at = Number(made.dataset.at);
  show(made.querySelector("time"), at, lang);
  const { id, nonce } = made.dataset;
  return { id, nonce, at, from: made.querySelector(".from").textContent, text: made.querySelector(".text").textContent };
}
