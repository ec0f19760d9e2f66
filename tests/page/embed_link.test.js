import assert from "node:assert/strict";
import { test } from "node:test";

import { EmbedLink } from "../../static/embed_link.js";

function framed(search) {
  const told = [];
  const parent = { postMessage: (message, origin) => told.push({ message, origin }) };
  return { link: new EmbedLink({ parent, search }), told };
}

test("site_around_the_frame_is_told_at_its_origin_only", () => {
  const { link, told } = framed("?parent=https%3A%2F%2Fsite.example");
  link.tell("unread", { count: 2 });
  assert.deepEqual(told, [{ message: { ruang: "unread", count: 2 }, origin: "https://site.example" }]);
});

test("frame_of_an_unknown_site_tells_nothing", () => {
  const { link, told } = framed(null);
  link.tell("unread", { count: 2 });
  assert.deepEqual(told, []);
});

test("ended_session_in_a_frame_asks_for_a_new_token", () => {
  assert.equal(framed("?parent=https%3A%2F%2Fsite.example").link.signInPath(), "/embed");
  assert.equal(framed("?parent=https%3A%2F%2Fsite.example&compact=").link.signInPath(), "/embed?compact");
});
