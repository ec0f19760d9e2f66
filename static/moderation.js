// A moderator's actions on a message or a person, for everybody in the room. Loaded for moderators only.

import { root, timeoutSignal } from "./api.js";
import { showMenu } from "./menu.js";
import { formatCount, formatNodes, formatText } from "./texts.js";
import { showToast } from "./toast.js";

const TIMEOUT_MS = 5_000;
/** Durations of the API, with the unit that writes them out. */
const MUTES = [["10m", 10, "minute"], ["1h", 1, "hour"], ["1d", 1, "day"]];
const BANS = [["1h", 1, "hour"], ["1d", 1, "day"], ["30d", 30, "day"], ["forever"]];

let words = null;

/** Returns the items for a person and, with an `id`, for their message; none to those who are not signed in as a moderator. */
export async function moderationItems({ from, id }, at, context) {
  words ??= await readWords();
  if (!words) return [];
  const choose = (label, lengths, act) => () => showLengths({ label, lengths, act, from, at, context });
  const items = [];
  if (id && from !== context.you) items.push({ label: words.remove, icon: "remove", isDanger: true, run: () => remove(id, context) });
  if (from === context.you) return items;
  return [
    ...items,
    { label: words.purge, icon: "remove", isDanger: true, run: () => purge(from, context) },
    { label: words.mute, icon: "mute", run: choose(words.mute, MUTES, "mute") },
    { label: words.kick, icon: "kick", isDanger: true, run: () => kick(from, context) },
    { label: words.ban, icon: "ban", isDanger: true, run: choose(words.ban, BANS, "ban") },
  ];
}

/** The texts of these actions; null to those who are not signed in as a moderator any more. */
async function readWords() {
  const response = await fetch(`${root}/api/operator/me`, { cache: "no-store", signal: timeoutSignal(TIMEOUT_MS) });
  return response.ok ? (await response.json()).texts : null;
}

async function showLengths({ label, lengths, act, from, at, context }) {
  const { document, texts } = context;
  const others = await countOthers(from);
  let hasAddress = false;
  const tick = { label: describeAddress(others, texts), isChecked: false, run: (isChecked) => (hasAddress = isChecked) };
  const items = lengths.map(([lasting, count, unit]) => {
    const time = unit ? new Intl.NumberFormat(texts.lang, { style: "unit", unit, unitDisplay: "long" }).format(count) : words.for_good;
    return { label: time, icon: act, isDanger: act === "ban", run: () => limit({ act, from, lasting, hasAddress, time, context }) };
  });
  if (others !== null) items.unshift(tick);
  showMenu({ document, at, label: `${label} ${from}`, title: formatNodes("{username}", { username: from }), items });
}

/** Returns how many other people in the room have the person's address; null if it is not known. */
async function countOthers(name) {
  try {
    const response = await fetch(`${root}/api/operator/person?${new URLSearchParams({ name })}`, { cache: "no-store", signal: timeoutSignal(TIMEOUT_MS) });
    return response.ok ? (await response.json()).others : null;
  } catch {
    return null;
  }
}

/** Says who else is hit. */
function describeAddress(others, texts) {
  return others ? formatCount(texts, words.address_shared, others) : words.address_alone;
}

/** Mutes or bans, at once; the toast ends it again. */
async function limit({ act, from, lasting, hasAddress, time, context }) {
  const { document, texts } = context;
  if (!(await send({ act, name: from, for: lasting, address: hasAddress }, context))) return;
  const end = { label: texts.undo, run: () => send({ act: act === "mute" ? "unmute" : "pardon", name: from }, context) };
  const text = formatText(act === "mute" ? words.did_mute : words.did_ban, { username: from, time });
  showToast({ document, text, undo: end });
}

async function kick(from, context) {
  const { document } = context;
  const isDone = await send({ act: "ban", name: from, for: "0s" }, context);
  if (isDone) showToast({ document, text: formatText(words.did_kick, { username: from }) });
}

/** A deletion is final, so it is sent when the toast is gone. */
function remove(id, context) {
  const { document, texts, hide, unhide, rest } = context;
  hide(id);
  rest();
  const undo = { label: texts.undo, run: () => unhide(id) };
  const onEnd = () => send({ act: "remove", id }, context).then(() => unhide(id));
  showToast({ document, text: texts.deleted, undo, onEnd });
}

function purge(from, context) {
  const { document, texts } = context;
  const onEnd = () => send({ act: "purge", name: from }, context);
  showToast({ document, text: formatText(words.did_purge, { username: from }), undo: { label: texts.undo, run: () => {} }, onEnd });
}

/** Returns whether the server has done it. Also sent when the page is left. */
async function send(command, { document }) {
  try {
    const headers = { "content-type": "application/json" };
    const options = { method: "POST", headers, body: JSON.stringify(command), keepalive: true, signal: timeoutSignal(TIMEOUT_MS) };
    const response = await fetch(`${root}/api/operator`, options);
    if (response.ok) return true;
  } catch {
    // As if it had been refused.
  }
  showToast({ document, text: words.failed });
  return false;
}
