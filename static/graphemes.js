// Characters as readers see them. Browsers of 2022 lack Intl.Segmenter; the pattern is right for all but a few scripts.

const GRAPHEME =
  /\p{Regional_Indicator}{2}|.(?:[\p{M}\p{Emoji_Modifier}\u{e0020}-\u{e007f}]|\u200d\p{Extended_Pictographic})*/gsu;

/** Splits a text into graphemes. */
export function splitGraphemes(text) {
  if (!("Segmenter" in Intl)) return text.match(GRAPHEME) ?? [];
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}
