// What people wrote, taken apart: links, one's own name, and the rest. Knows no DOM: what it answers is only ever text.

const LINK = /\bhttps?:\/\/[^\s<>"`]+/giu;
const TRAILING = /[.,:;!?'…*_~]+$/u;
const PICTURE = /\p{Extended_Pictographic}|\p{Regional_Indicator}/u;
const PICTURES = /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\p{Regional_Indicator}|[\u200d\ufe0f\u{e0020}-\u{e007f}]|\s)+$/u;
const PICTURES_AT_MOST = 5;
const LONG_CHARACTERS = 900;
const LONG_LINES = 14;

/** The text as { kind, text, href? }, where kind is "text", "link" or "mention" (of the person `you`). */
export function parts(text, you) {
  const found = [...links(text), ...mentionsOf(text, you)].sort((a, b) => a.at - b.at);
  const made = [];
  let at = 0;
  for (const each of found) {
    if (each.at < at) continue;
    if (each.at > at) made.push({ kind: "text", text: text.slice(at, each.at) });
    const { at: _, ...part } = each;
    made.push(part);
    at = each.at + each.text.length;
  }
  if (at < text.length) made.push({ kind: "text", text: text.slice(at) });
  return made;
}

/** Whether the text speaks to a person: @name, as a word of its own. */
export function mentions(text, name) {
  return mentionsOf(text, name).length > 0;
}

/** Whether the text is a few emoji and nothing else. */
export function isPictures(text) {
  if (text.length > 100 || !PICTURES.test(text) || !PICTURE.test(text)) return false;
  return [...new Intl.Segmenter().segment(text.replace(/\s/gu, ""))].length <= PICTURES_AT_MOST;
}

/** Whether the text is so long that it is folded. */
export function isLong(text) {
  return text.length > LONG_CHARACTERS || text.split("\n", LONG_LINES + 1).length > LONG_LINES;
}

function links(text) {
  return [...text.matchAll(LINK)].flatMap(({ 0: match, index: at }) => {
    const shown = trimmed(match);
    const url = parsed(shown);
    // A name and a password before the host serve to pass one host off as another.
    if (!url || url.username || url.password) return [];
    return [{ kind: "link", at, text: shown, href: url.href }];
  });
}

/** A link without the punctuation of the sentence around it. */
function trimmed(link) {
  let shown = link.replace(TRAILING, "");
  for (const [open, close] of ["()", "[]", "{}"]) {
    while (shown.endsWith(close) && shown.split(close).length > shown.split(open).length) {
      shown = shown.slice(0, -1).replace(TRAILING, "");
    }
  }
  return shown;
}

function parsed(link) {
  try {
    return new URL(link);
  } catch {
    return null;
  }
}

function mentionsOf(text, name) {
  if (!name || !text.includes("@")) return [];
  const escaped = name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_])@${escaped}(?![\\p{L}\\p{N}\\p{M}_])`, "giu");
  return [...text.matchAll(pattern)].map(({ 0: match, index: at }) => ({ kind: "mention", at, text: match }));
}
