// Texts for which a function that reads them more than a fixed number of times is slow.

/** Pieces that links, mentions, emoji and their limits are made of. */
const PIECES = [
  "https://", "http://", "www.", "a", ".", "/", ":", "(", ")", "[", "]", "{", "@", "@sari", "\u202e", "\u2066", "“", "」",
  "。", "é", "界", "а", "👩‍👩‍👧", "\u0301", " ", "\n", "%", "?", "#", "-", "_", "x", "a.", ".)", "@a ", "https://a.id ",
  "www.a.id ",
];

/** A generator of numbers below a limit, the same in each run. */
function random(seed) {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Yields texts of 2000 characters: each two pieces repeated, and pieces in random order. */
export function* hostileTexts() {
  const fill = (piece, length) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
  for (const first of PIECES) {
    for (const second of PIECES) yield `https://a/${fill(first, 990)}x${fill(second, 999)}`;
    yield fill(first, 2000);
  }
  const below = random(7);
  for (let n = 0; n < 300; n += 1) {
    yield Array.from({ length: 2000 }, () => PIECES[below(PIECES.length)]).join("").slice(0, 2000);
  }
}
