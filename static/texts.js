// The page's texts in its language, as the server embeds them.

import { withRegion } from "./clock.js";
import { doNotTranslate } from "./element.js";

/** Reads the texts from the page; `locale` is the language tag for its times. */
export function readTexts(document, languages = navigator.languages) {
  const texts = JSON.parse(document.getElementById("texts").textContent);
  return { ...texts, locale: withRegion(texts.lang, languages) };
}

/** Replaces the placeholders of a text: {username}, {count}, and so on. */
export function formatText(text, values) {
  return text.replace(/\{(\w+)\}/g, (placeholder, key) => String(values[key] ?? placeholder));
}

/** Formats a text { one, other } with the plural form and the number format of the language. */
export function formatCount(texts, forms, count) {
  const form = new Intl.PluralRules(texts.lang).select(count);
  return formatText(forms[form] ?? forms.other, { count: new Intl.NumberFormat(texts.lang).format(count) });
}

/**
 * Formats a text with names in it, as nodes: each name is isolated, so that its direction does not reorder the
 * sentence, and is not translated.
 */
export function formatNodes(text, names) {
  return text.split(/(\{\w+\})/).map((part) => {
    const key = /^\{(\w+)\}$/.exec(part)?.[1];
    if (key === undefined) return document.createTextNode(part);
    const name = document.createElement("bdi");
    name.textContent = String(names[key] ?? part);
    return doNotTranslate(name);
  });
}
