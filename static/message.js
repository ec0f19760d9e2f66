// Messages as elements, cloned from the server's own markup (templates/message.html). People's texts become text nodes
// and links only, never markup.

import { fillAvatar } from "./avatar.js";
import { formatFullTime, showTime } from "./clock.js";
import { createButton, createElement, createMenuButton, doNotTranslate } from "./element.js";
import { isEmojiOnly, isLong, parseText } from "./rich_text.js";

/** Creates the element of a message. */
export function createMessage(message, { you, texts, hues }) {
  const element = cloneTemplate();
  const { id, nonce, at, from, removed } = message;
  fillAvatar(element.querySelector(".avatar"), from, hues.of(from));
  element.querySelector(".from").textContent = from;
  element.querySelector(".by").append(...createMarks(message, texts));
  element.classList.toggle("own", from === you);
  element.classList.toggle("removed", removed === true);
  Object.assign(element.dataset, { id, ...(nonce && { nonce }), ...(at && { at }) });
  enhance(element, message, { you, texts });
  return element;
}

/** Creates what follows the name of a program: a mark, and the second name that it gave itself. */
function createMarks({ bot, as: alias }, texts) {
  const marks = bot ? [createElement("span", "bot", texts.bot)] : [];
  if (alias) marks.push(doNotTranslate(createElement("bdi", "alias", alias)));
  return marks;
}

/** Creates the element of a message that is not yet sent: no time, no id. */
export function createPendingMessage({ nonce, text, state, replyTo }, you) {
  const element = cloneTemplate();
  element.querySelector(".from").textContent = you;
  element.querySelector(".text").textContent = text;
  const progress = createElement("span", "progress", "…");
  progress.setAttribute("aria-hidden", "true");
  element.querySelector("time").replaceWith(progress);
  element.classList.add("own", "pending");
  if (replyTo) addQuote(element, replyTo);
  Object.assign(element.dataset, { nonce, state });
  return element;
}

/** Reads a message from an element that the server rendered, and enhances the element. */
export function adoptMessage(element, { you, texts, hues }) {
  const { id, nonce, at, replyTo, editedAt } = element.dataset;
  const text = element.querySelector(".text").textContent;
  const message = { id, nonce, at: Number(at), from: element.querySelector(".from").textContent, text };
  const alias = element.querySelector(".alias")?.textContent;
  if (element.querySelector(".bot")) Object.assign(message, { bot: true }, alias && { as: alias });
  hues.adopt(message.from, Number(element.querySelector(".avatar").dataset.hue));
  if (replyTo) message.reply_to = replyTo;
  if (editedAt) message.edited_at = Number(editedAt);
  if (element.classList.contains("removed")) Object.assign(message, { removed: true, text: "" });
  enhance(element, message, { you, texts });
  return message;
}

/** Shows the time of a message; its bubble names it too, where the next message shows the time of both. */
export function showMessageTime(time, at, locale) {
  showTime(time, at, locale);
  time.parentElement.title = time.title;
}

/** Creates a link. Whatever its text, it is laid out from left to right and apart from its surroundings. */
export function createLink({ label, href }) {
  const link = createElement("a", "", label);
  const rel = "noopener noreferrer nofollow ugc";
  return doNotTranslate(Object.assign(link, { href, target: "_blank", rel, dir: "ltr" }));
}

function cloneTemplate() {
  const element = document.getElementById("message-template").content.firstElementChild.cloneNode(true);
  for (const name of Object.keys(element.dataset)) delete element.dataset[name];
  return element;
}

/** Adds what needs the script: links, mentions, local time, folding. */
function enhance(element, message, { you, texts }) {
  const [text, time] = [element.querySelector(".text"), element.querySelector("time")];
  if (message.at) showMessageTime(time, message.at, texts.locale);
  // Focus by touch or click shows the full date, as hovering does.
  time.tabIndex = -1;
  if (message.removed) return text.replaceChildren(texts.removed);
  const isOwn = message.from === you;
  text.replaceChildren(...parseText(message.text, isOwn ? "" : you).map(createNode));
  element.classList.toggle("to-you", text.querySelector("mark") !== null);
  element.classList.toggle("emoji-only", isEmojiOnly(message.text));
  if (isLong(message.text)) addFold(element, text, texts);
  if (message.reply_to) addQuote(element, message.reply_to);
  if (message.edited_at) time.after(createEdited(message.edited_at, texts));
  element.append(createMenuButton(texts.menu));
}

/** Adds the line for what an answer quotes; `quotes.js` fills it. */
function addQuote(element, id) {
  const quote = createElement("button", "quote");
  quote.type = "button";
  quote.dataset.id = id;
  element.querySelector(".bubble").prepend(quote);
}

function createEdited(at, texts) {
  const mark = createElement("span", "edited", texts.edited);
  mark.title = formatFullTime(at, texts.locale);
  return mark;
}

function createNode(part) {
  if (part.kind === "link") return createLink(part);
  if (part.kind === "mention") return doNotTranslate(createElement("mark", "", part.text));
  return part.text;
}

function addFold(element, text, texts) {
  const setFolded = (isFolded) => {
    element.classList.toggle("folded", isFolded);
    toggle.textContent = isFolded ? texts.show_more : texts.show_less;
    toggle.setAttribute("aria-expanded", String(!isFolded));
  };
  const toggle = createButton("link fold", "", () => setFolded(!element.classList.contains("folded")));
  // A link in the hidden part that gets the keyboard focus must be visible.
  text.addEventListener("focusin", () => setFolded(false));
  text.after(toggle);
  element.classList.add("long");
  setFolded(true);
}
