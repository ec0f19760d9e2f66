// Finds links and mentions in people's texts. Returns plain data and does not touch the DOM. Every function reads a
// text a fixed number of times: none may backtrack, since a text that is slow to show would freeze every reader.

/** A longer link stays plain text. */
const MAX_LINK_LENGTH = 500;
const MAX_EMOJI = 5;
const MAX_EMOJI_UNITS = 100;
const FOLD_CHARACTERS = 900;
const FOLD_LINES = 14;

const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}/u;
const EMOJI_ONLY =
  /^[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\u200d\ufe0f\u{e0020}-\u{e007f}\s]+$/u;
const WORD = /[\p{L}\p{N}\p{M}_]/u;
/** Scripts written without spaces: there a mention or a host can begin and end inside a sentence. */
const CHINESE_JAPANESE = String.raw`\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}ー々`;
const UNSPACED_SCRIPTS = String.raw`${CHINESE_JAPANESE}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}`;
/** Before a mention also scripts whose particles are written without a space: و@sari. */
const BEFORE_MENTION = new RegExp(String.raw`[${UNSPACED_SCRIPTS}\p{sc=Arabic}\p{sc=Hebrew}]`, "u");
const UNSPACED = new RegExp(`[${UNSPACED_SCRIPTS}]`, "u");
const LATIN = /\p{sc=Latin}/u;
const LETTER = /\p{L}/u;

const LINK_START = /https?:\/\/|www\./giu;
/** Characters before which "http" and "www." do not start a link. */
const GLUED_WEB = /[a-z\d]/iu;
const GLUED_WWW = /[a-z\d_@./:-]/iu;
/** Ends a link: white space, invisible characters, quotes, and the brackets and stops of other scripts than Latin. */
const LINK_END = new RegExp(
  [
    String.raw`[\s<>＜＞"\u0060\\^|\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]`,
    String.raw`[\p{Pi}\p{Pf}‚„〝〞〟。｡、､，．！？：；…‥؟؛،۔।॥]`,
    String.raw`(?![([{)\]}])[\p{Ps}\p{Pe}]`,
  ].join("|"),
  "gu",
);
/** A host and its port. */
const HOST = /^(?:\[[\da-f:.]*\]|[\p{L}\p{N}\p{M}.%_-]*)(?::\d*)?/iu;
/** An ASCII top-level domain that runs into a script without spaces: there the sentence continues. */
const GLUED_TOP_LEVEL = new RegExp(`^[a-z]{2,}(?=[${UNSPACED_SCRIPTS}])`, "iu");
/**
 * A label of a host that is shown as typed: ASCII, or letters of one script that does not resemble it. Others can pass
 * for another host (Cyrillic, Greek, accents) or reorder the address (Arabic, Hebrew), and are shown in punycode.
 */
const PLAIN_LABEL = new RegExp(
  ["a-z_", CHINESE_JAPANESE, ...["Hangul", "Thai", "Devanagari", "Bengali", "Tamil"].map((name) => `\\p{sc=${name}}`)]
    .map((characters) => String.raw`^[${characters}\d-]*$`)
    .join("|"),
  "u",
);
/** Punctuation of the sentence around a link: of ASCII some, of other scripts every sign, emoji too. */
const TRAILING = /[.,:;!?'*_~]|[^\0-\x7f]/u;
const SIGN = /[\p{P}\p{S}]/u;
/** A list of links without spaces. */
const NEXT_LINK = /[,;|](?=https?:\/\/)/i;
const BRACKETS = new Map([[")", "("], ["]", "["], ["}", "{"]]);

/**
 * Splits a text into parts { kind, text }, where kind is "text", "link" (with `href` and `label`, the text to show) or
 * "mention" (of the name `you`).
 */
export function parseText(text, you) {
  const found = [...findLinks(text), ...findMentions(text, you)].sort((a, b) => a.start - b.start);
  const parts = [];
  let end = 0;
  for (const { start, ...part } of found) {
    if (start < end) continue;
    if (start > end) parts.push({ kind: "text", text: text.slice(end, start) });
    parts.push(part);
    end = start + part.text.length;
  }
  if (end < text.length) parts.push({ kind: "text", text: text.slice(end) });
  return parts;
}

/** Returns whether a text mentions a name: @name as a word of its own. */
export function mentionsName(text, name) {
  return findMentions(text, name).length > 0;
}

/** Returns whether a text is a few emoji and nothing else. */
export function isEmojiOnly(text) {
  if (text.length > MAX_EMOJI_UNITS || !EMOJI_ONLY.test(text) || !EMOJI.test(text)) return false;
  return splitGraphemes(text.replace(/\s/gu, "")).length <= MAX_EMOJI;
}

/** Returns whether a text is so long that it is folded. */
export function isLong(text) {
  return text.length > FOLD_CHARACTERS || text.split("\n", FOLD_LINES + 1).length > FOLD_LINES;
}

function findLinks(text) {
  const links = [];
  LINK_START.lastIndex = 0;
  let end = 0;
  for (let match = LINK_START.exec(text); match; match = LINK_START.exec(text)) {
    const { 0: prefix, index: start } = match;
    const isWeb = prefix.length > 4;
    if ((isWeb ? GLUED_WEB : GLUED_WWW).test(text[start - 1] ?? "")) continue;
    if (end < LINK_START.lastIndex) end = findEnd(text, LINK_START.lastIndex);
    const rest = text.slice(start, Math.min(end, start + MAX_LINK_LENGTH + 1));
    const candidate = cutAfterHost(rest.split(NEXT_LINK, 1)[0], isWeb ? prefix.length : 0);
    const isTooLong = candidate.length > MAX_LINK_LENGTH;
    LINK_START.lastIndex = Math.max(LINK_START.lastIndex, isTooLong ? end : start + candidate.length);
    const address = isTooLong ? "" : trimLink(candidate);
    const link = address && toLink(address);
    if (link) links.push({ kind: "link", start, text: address, ...link });
  }
  return links;
}

function findEnd(text, from) {
  LINK_END.lastIndex = from;
  return LINK_END.exec(text)?.index ?? text.length;
}

/** Cuts off what follows a host and is neither a path nor a query: "https://a.example,b" or a sentence without spaces. */
function cutAfterHost(candidate, hostStart) {
  const authority = authorityOf(candidate, hostStart);
  if (authority.includes("@")) return candidate;
  const [host] = HOST.exec(authority);
  const lastLabel = host.lastIndexOf(".") + 1;
  const topLevel = lastLabel > 0 && GLUED_TOP_LEVEL.exec(host.slice(lastLabel));
  if (topLevel) return candidate.slice(0, hostStart + lastLabel + topLevel[0].length);
  return host.length < authority.length ? candidate.slice(0, hostStart + host.length) : candidate;
}

function authorityOf(address, hostStart) {
  const length = address.slice(hostStart).search(/[/?#]/);
  return length < 0 ? address.slice(hostStart) : address.slice(hostStart, hostStart + length);
}

/** Removes the punctuation after a link, and each closing bracket that has no opening one in it. */
function trimLink(candidate) {
  const open = new Map([...BRACKETS.values()].map((bracket) => [bracket, 0]));
  const surplus = new Map([...BRACKETS.keys()].map((bracket) => [bracket, 0]));
  for (const character of candidate) {
    if (open.has(character)) open.set(character, open.get(character) + 1);
    if (surplus.has(character)) surplus.set(character, surplus.get(character) + 1);
  }
  for (const [close, opening] of BRACKETS) surplus.set(close, surplus.get(close) - open.get(opening));
  let end = candidate.length;
  while (end > 0) {
    const last = characterBefore(candidate, end);
    if (surplus.get(last) > 0) surplus.set(last, surplus.get(last) - 1);
    else if (!TRAILING.test(last) || !SIGN.test(last)) break;
    end -= last.length;
  }
  return candidate.slice(0, end);
}

/** Returns { href, label } of an address, or null where it is none or hides its host. */
function toLink(address) {
  const [scheme] = /^(?:https?:\/\/)?/iu.exec(address);
  const authority = authorityOf(address, scheme.length);
  // "bank.example@evil.example" opens evil.example.
  if (authority === "" || authority.includes("@")) return null;
  if (!scheme && !/^www\.[^.]+\../iu.test(authority)) return null;
  const url = parseUrl(scheme ? address : `https://${address}`);
  if (!url) return null;
  if (showsHost(authority.toLowerCase(), url.host)) return { href: url.href, label: address };
  return { href: url.href, label: scheme + url.host + address.slice(scheme.length + authority.length) };
}

/** Returns whether an address shows the host that it opens. */
function showsHost(authority, host) {
  const [name] = authority.split(/:\d*$/u);
  if (/^[ -~]*$/u.test(name)) return name === host.replace(/:\d+$/u, "");
  return name.split(".").every((label) => PLAIN_LABEL.test(label));
}

function parseUrl(address) {
  try {
    return new URL(address);
  } catch {
    return null;
  }
}

function findMentions(text, name) {
  if (!name || !/[@＠]/u.test(text)) return [];
  const mentions = [];
  const edge = characterBefore(name, name.length);
  for (const { 0: mention, index: start } of text.matchAll(mentionPattern(name))) {
    const end = start + mention.length;
    const after = end < text.length ? String.fromCodePoint(text.codePointAt(end)) : "";
    if (canMentionAt(text, start) && endsBetween(edge, after)) mentions.push({ kind: "mention", start, text: mention });
  }
  return mentions;
}

/** Returns whether an @ at this index can begin a mention: "mail@example" does not, 見て@sari does. */
export function canMentionAt(text, index) {
  const before = characterBefore(text, index);
  return !WORD.test(before) || BEFORE_MENTION.test(before);
}

/** Returns whether a word ends between two characters: at the end of letters, or where the script changes to or from Latin. */
function endsBetween(last, next) {
  if (!WORD.test(next) || UNSPACED.test(next)) return true;
  return LETTER.test(last) && LETTER.test(next) && LATIN.test(last) !== LATIN.test(next);
}

/** Returns the character before an index, which may be a pair of surrogates; "" at the start. */
function characterBefore(text, index) {
  const isPair = index > 1 && text.codePointAt(index - 2) > 0xffff;
  return text.slice(Math.max(0, index - (isPair ? 2 : 1)), index);
}

/** A name is matched whatever its case, after an @ of any width. */
function mentionPattern(name) {
  return new RegExp(`[@＠]${name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}`, "giu");
}

/** Characters as readers see them. Browsers of 2022 lack Intl.Segmenter; the pattern is right for all but a few scripts. */
const GRAPHEME =
  /\p{Regional_Indicator}{2}|.(?:[\p{M}\p{Emoji_Modifier}\u{e0020}-\u{e007f}]|\u200d\p{Extended_Pictographic})*/gsu;

/** Splits a text into graphemes. */
export function splitGraphemes(text) {
  if (!("Segmenter" in Intl)) return text.match(GRAPHEME) ?? [];
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}
