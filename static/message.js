// A message as an element: the same markup as the server's template. What people wrote is only ever text.

import { show } from "./clock.js";
import { button, element } from "./element.js";
import { avatar } from "./person.js";
import { isLong, isPictures, parts } from "./words.js";

/** A message of the timeline. */
export function item(message, { you, texts }) {
  const from = element("p", "by", element("bdi", "from", message.from ?? ""));
  const text = element("div", "text");
  text.dir = "auto";
  const time = document.createElement("time");
  const made = element("li", "message", avatar(message.from ?? ""), from, element("div", "bubble", text, time));
  made.classList.toggle("own", message.from === you);
  made.classList.toggle("removed", message.removed === true);
  made.dataset.id = message.id;
  if (message.nonce) made.dataset.nonce = message.nonce;
  if (message.at) made.dataset.at = message.at;
  dress(made, message, { you, texts });
  return made;
}

/** Reads a message back from the server's markup, and dresses it as the script does. */
export function adopt(made, { you, texts }) {
  const { id, nonce } = made.dataset;
  const text = made.querySelector(".text").textContent;
  const message = { id, nonce, at: Number(made.dataset.at), from: made.querySelector(".from").textContent, text };
  if (made.classList.contains("removed")) Object.assign(message, { removed: true, text: "" });
  dress(made, message, { you, texts });
  return message;
}

/** Puts into the markup what needs the script: links, mentions, the reader's own time, and folds. */
function dress(made, message, { you, texts }) {
  const [text, time] = [made.querySelector(".text"), made.querySelector("time")];
  if (message.at) show(time, message.at, texts.lang);
  // Told at once to who hovers, and to who touches or clicks it.
  time.tabIndex = -1;
  if (message.removed) return text.replaceChildren(texts.removed);
  const own = message.from === you;
  text.replaceChildren(...parts(message.text, own ? "" : you).map(node));
  made.classList.toggle("to-you", text.querySelector("mark") !== null);
  made.classList.toggle("pictures", isPictures(message.text));
  if (isLong(message.text)) fold(made, text, texts);
}

function node({ kind, text, href }) {
  if (kind === "mention") return element("mark", "", text);
  if (kind !== "link") return text;
  const link = element("a", "", text);
  Object.assign(link, { href, target: "_blank", rel: "noopener noreferrer nofollow ugc" });
  return link;
}

function fold(made, text, texts) {
  const folded = (on) => {
    made.classList.toggle("folded", on);
    more.textContent = on ? texts.show_more : texts.show_less;
    more.ariaExpanded = String(!on);
  };
  const more = button("link fold", "", () => folded(!made.classList.contains("folded")));
  // Whoever reaches a link in the hidden part by keyboard sees it.
  text.addEventListener("focusin", () => folded(false));
  text.after(more);
  folded(true);
}
