// Features that browsers of 2022 lack must not be used unguarded. The browser test `old_browser_…` removes features in turn;
// these are the ones that cannot be removed.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { splitGraphemes } from "../../static/rich_text.js";

const folder = new URL("../../static/", import.meta.url);
const files = (extension) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(extension))
    .map((name) => [name, readFileSync(new URL(name, folder), "utf8").replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "")]);

test("scripts_use_no_syntax_newer_than_2022", () => {
  const newer = {
    lookbehind: /\(\?<[=!]/,
    "v flag": /[=(,]\s*\/(?:[^/\\\n]|\\.)+\/[a-z]*v|RegExp\([^;]*"[a-z]*v[a-z]*"\)/,
    "inline flags": /\(\?[ims-]+:/,
    using: /\busing\s+\w+\s*=/,
    "import attributes": /\bfrom\s+"[^"]+"\s+with\b/,
    "reflected ARIA": /\.aria[A-Z]/,
    "translate property": /(?:(?!style).{5}|^.{0,4})\.translate\s*=/m,
  };
  for (const [name, text] of files(".js")) {
    for (const [feature, pattern] of Object.entries(newer)) assert.doesNotMatch(text, pattern, `${name}: ${feature}`);
  }
});

test("style_sheets_use_no_syntax_newer_than_2022", () => {
  for (const [name, text] of files(".css")) assert.doesNotMatch(text, /:has\(|^\s*&|@layer|@scope|light-dark\(|oklch\(/m, name);
  for (const [name, text] of files(".css")) {
    for (const [line, property] of text.matchAll(/^\s*([\w-]+):[^;]*color-mix\([^;]*;/gm)) {
      const before = text.slice(0, text.indexOf(line)).trimEnd();
      assert.match(before, new RegExp(`\\b${property}:[^;]*;$`), `${name}: color-mix needs a colour before it`);
    }
  }
});

test("guard_is_read_by_every_browser", () => {
  const [[, guard]] = files("guard.js");
  for (const syntax of [/=>/, /\b(?:let|const|class|async|await|of)\b/, /`/, /\?\./, /\?\?/, /\.\.\./, /\bimport\b/]) {
    assert.doesNotMatch(guard, syntax);
  }
});

test("graphemes_without_segmenter_are_nearly_the_same", () => {
  const texts = ["sari", "é", "e\u0301a", "👍🏽👍", "👨‍👩‍👧‍👦!", "🇮🇩🇳🇱", "❤️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "สวัสดี", "", "한글"];
  const { Segmenter } = Intl;
  const expected = texts.map((text) => splitGraphemes(text));
  delete Intl.Segmenter;
  try {
    assert.deepEqual(texts.map((text) => splitGraphemes(text)), expected);
  } finally {
    Intl.Segmenter = Segmenter;
  }
});
