import assert from "node:assert/strict";
import { test } from "node:test";

import { isLong, isPictures, mentions, parts } from "../../static/words.js";

const links = (text) => parts(text, "").filter(({ kind }) => kind === "link").map(({ text }) => text);

test("a text taken apart is still the whole text", () => {
  for (const text of ["", "a", "https://a.id", "x https://a.id/?q=1, y @sari!", "@sari@sari https://@sari", "\n\n"]) {
    assert.equal(parts(text, "sari").map((part) => part.text).join(""), text);
  }
});

test("links are found without the punctuation of the sentence around them", () => {
  for (const [text, found] of [
    ["lihat https://contoh.id/a?b=c#d.", ["https://contoh.id/a?b=c#d"]],
    ["(https://id.wikipedia.org/wiki/Ruang_(film))", ["https://id.wikipedia.org/wiki/Ruang_(film)"]],
    ["http://a.id,http://b.id", ["http://a.id,http://b.id"]],
    ["<https://a.id>", ["https://a.id"]],
    ["HTTPS://A.ID!", ["HTTPS://A.ID"]],
    ["http://", []],
    ["xhttp://a.id", []],
  ]) {
    assert.deepEqual(links(text), found, text);
  }
});

test("nothing but the web is a link, and nothing that passes one host off as another", () => {
  for (const text of ["javascript:alert(1)", "data:text/html,x", "ftp://a.id", "https://bank.id@jahat.id", "https://a:b@c.id"]) {
    assert.deepEqual(links(text), [], text);
  }
});

test("one is spoken to by one's whole name", () => {
  for (const [text, name, spoken] of [
    ["@sari halo", "sari", true],
    ["halo @SARI, apa kabar", "Sari", true],
    ["(@sari)", "sari", true],
    ["@sarinah", "sari", false],
    ["surel@sari", "sari", false],
    ["sari", "sari", false],
    ["@a.b", "a.b", true],
    ["@axb", "a.b", false],
    ["halo @Eka 🌿 dan", "Eka 🌿", true],
    ["@", "", false],
  ]) {
    assert.equal(mentions(text, name), spoken, `${text} to ${name}`);
  }
});

test("a few emoji alone are pictures", () => {
  for (const text of ["👋", "👩‍👩‍👧‍👦", "🇮🇩 🎉", "👍🏽👍🏽👍🏽", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]) assert.ok(isPictures(text), text);
  for (const text of ["", " ", "a", "1", "#", "👋 hai", "🎉🎉🎉🎉🎉🎉"]) assert.ok(!isPictures(text), text);
});

test("a text is long by its characters or by its lines", () => {
  assert.ok(!isLong("x".repeat(900)) && isLong("x".repeat(901)));
  assert.ok(!isLong("x\n".repeat(13)) && isLong("x\n".repeat(14)));
});
