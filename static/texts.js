// The page's texts, from the server, in the page's language.

/** Reads the texts that the page carries. */
export function read(document) {
  return JSON.parse(document.getElementById("texts").textContent);
}

/** Fills in the places of a text: {username}, {count}, and so on. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (place, key) => String(values[key] ?? place));
}

/** A text { one, other } for a number of things, with the number in it, as the language has it. */
export function counted(texts, forms, count) {
  const form = new Intl.PluralRules(texts.lang).select(count);
  return fill(forms[form] ?? forms.other, { count: new Intl.NumberFormat(texts.lang).format(count) });
}

/**
 * A text with people's names in it, as nodes: each name isolated, so that its direction cannot turn the sentence.
 */
export function nodes(text, values) {
  return text.split(/(\{\w+\})/).map((part) => {
    const key = /^\{(\w+)\}$/.exec(part)?.[1];
    if (key === undefined) return document.createTextNode(part);
    const name = document.createElement("bdi");
    name.textContent = String(values[key] ?? part);
    return name;
  });
}
