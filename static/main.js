// The room's page: finds the parts and joins them. Each part is a file of its own.

import * as alerts from "./alerts.js";
import { Attention } from "./attention.js";
import { Backoff } from "./backoff.js";
import { Berth } from "./berth.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import * as history from "./history.js";
import { Muted } from "./muted.js";
import { Outbox, stored } from "./outbox.js";
import { OutboxView } from "./outbox_view.js";
import { People } from "./people.js";
import { Preferences } from "./preferences.js";
import { Presence } from "./presence.js";
import { RulesView } from "./rules.js";
import { Scroll } from "./scroll.js";
import { Seen } from "./seen.js";
import { Shown } from "./shown.js";
import { Status } from "./status.js";
import * as reading from "./texts.js";
import { Timeline } from "./timeline.js";
import { TimelineView } from "./timeline_view.js";
import { TypingTeller, showTyping } from "./typing.js";
import { isOutdated } from "./version.js";
import { mentions } from "./words.js";

const part = (id) => document.getElementById(id);
const { you, since, textChars } = document.body.dataset;
const texts = reading.read(document);
const person = encodeURIComponent(you);
const keys = { draft: `ruang.draft/${person}`, seen: `ruang.seen/${person}`, muted: `ruang.muted/${person}`, preferences: "ruang.preferences" };

// What was said.

const muted = new Muted({ storage: localStorage, key: keys.muted });
const scroll = new Scroll({ box: part("scroll"), jump: part("jump"), texts });
const timelineView = new TimelineView({ list: part("timeline"), scroll, you, texts, muted });
const shown = new Shown({ rows: () => timeline.rows, view: timelineView, reading: () => !scroll.stuck });
const timeline = new Timeline(shown);
const adopted = timelineView.adopt();
shown.adopt(adopted);

const earlier = part("earlier");
const showEarlier = () => (earlier.hidden = !timeline.more && !shown.above);
timelineView.more = showEarlier;
timeline.adopt(adopted, since || null, earlier.dataset.more === "true");

/** Loads what a gap (or, without one, the beginning) hides; `button` says how that goes. */
async function load(gap, button) {
  if (button.disabled) return;
  const label = button.textContent;
  button.disabled = true;
  button.textContent = texts.loading;
  try {
    const { messages, more } = await history.before(gap ? gap.before : timeline.oldest());
    scroll.keeping(() => timeline.fill(messages, more, gap));
    button.textContent = label;
  } catch {
    button.textContent = texts.load_failed;
  } finally {
    button.disabled = false;
  }
}

/** What is in the page follows the reader; what is not yet there is loaded as they come near. */
async function showOlder() {
  if (shown.above) scroll.keeping(() => shown.up());
  else if (timeline.more) await load(null, earlier);
  showEarlier();
}

timelineView.load = load;
earlier.addEventListener("click", showOlder);
scroll.below = () => !shown.atEnd;
scroll.returning = () => shown.end();
scroll.moved = ({ nearStart, nearEnd }) => {
  if (nearEnd && !shown.atEnd) scroll.keeping(() => shown.down());
  else if (nearStart && earlier.textContent !== texts.load_failed) showOlder();
};

// What the person has seen of it.

const isHere = () => document.visibilityState === "visible" && document.hasFocus();
const seen = new Seen({ storage: localStorage, key: keys.seen });
const title = document.title;
const attention = new Attention({
  present: isHere(),
  changed: () => {
    document.title = attention.count > 0 ? `(${attention.count}) ${title}` : title;
    scroll.unseen = attention.count;
    timelineView.mark = attention.mark;
  },
});

function look() {
  attention.present = isHere() && scroll.stuck;
  if (attention.present) seen.id = timeline.since;
}

function arrived(message) {
  const isHeard = !muted.has(message.from);
  if (isHeard) attention.arrived(message);
  if (attention.present) seen.id = message.id;
  if (!isHeard || isHere() || !mentions(message.text, you)) return;
  if (preferences.get("sound")) alerts.sound();
  if (preferences.get("notify")) alerts.notify(message, document.querySelector("link[rel=icon]").href);
}

scroll.changed = look;
attention.resume(timeline.rows.map(({ message }) => message).filter(({ from }) => from !== you && !muted.has(from)), seen.id);

const boxes = { notices: part("prefer-notices"), sound: part("prefer-sound"), notify: part("prefer-notify") };
const preferences = new Preferences({
  boxes,
  storage: localStorage,
  key: keys.preferences,
  defaults: { notices: true, sound: false, notify: false },
  changed: (name, value) => {
    if (name === "notices") scroll.keeping(() => (document.body.dataset.notices = value ? "on" : "off"));
  },
});
boxes.notify.addEventListener("change", async () => {
  if (!boxes.notify.checked || (await alerts.allowed())) return;
  boxes.notify.checked = false;
  preferences.set("notify", false);
  part("notify-refused").hidden = false;
});

// What the person says.

const berth = new Berth({ locks: navigator.locks, storage: localStorage, session: sessionStorage, prefix: `ruang.outbox/${person}/` });
const outbox = new Outbox({ storage: localStorage, key: await berth.own() });
for (const { message } of timeline.rows) if (message.from === you) outbox.drop(message.nonce);
const outboxView = new OutboxView({ list: part("outbox"), texts, scroll });
const composer = new Composer({ document, texts, storage: sessionStorage, key: keys.draft, most: Number(textChars) });
composer.last = timeline.rows.findLast(({ message }) => message.from === you)?.message.text ?? "";

// The room.

const presence = new Presence();
const people = new People({ document, you, texts, muted });
muted.changed = () => {
  timelineView.refresh();
  people.refresh();
};
const status = new Status({ document, texts });
const rules = new RulesView({ document, texts });
composer.names = () => (presence.sorted(you, texts.lang) ?? []).filter((name) => name !== you);

let welcomes = 0;
const connection = new Connection({
  open: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, "ruang.v1"),
  probe: history.probe,
  since: () => timeline.since,
  heard: (frame, asked) => {
    if (frame.type !== "welcome") return conversation.heard(frame, asked);
    scroll.keeping(() => conversation.heard(frame, asked));
    welcomed(frame);
  },
  changed: (change) => {
    if (change.state === "waiting" || change.state === "ended") conversation.disconnected();
    status.show(change);
    if (change.signedOut) location.replace("/");
  },
  backoff: new Backoff(),
});
const send = (frame) => connection.send(frame);

async function welcomed({ limits }) {
  composer.most = limits.text_chars;
  look();
  await adoptOrphans();
  welcomes += 1;
  if (welcomes > 1 && (await isOutdated())) offerNewVersion();
}

/** Nobody's page is taken from them, but that of who works on it: `make page`. */
function offerNewVersion() {
  if (location.hash === "#live") location.reload();
  else status.outdated();
}

/** What a tab that was closed has not got out any more. */
async function adoptOrphans() {
  await berth.orphans((key) => outbox.adopt(stored(localStorage, key)));
  conversation.flush();
}

const conversation = new Conversation({
  you,
  timeline,
  presence,
  outbox,
  send,
  view: {
    arrived,
    people: showPeople,
    rules: (set) => scroll.keeping(() => rules.show(set)),
    outbox: () => outboxView.show(outbox.entries),
    typing: (names, count) => {
      const heard = names.filter((name) => !muted.has(name));
      showTyping(part("typing"), texts, heard, count - (names.length - heard.length));
    },
  },
});

/** Names that presence frames no longer gave are asked for, once there are few enough of them. */
let asking = false;
async function showPeople() {
  people.show(presence);
  if (presence.names || presence.count > 200 || asking) return;
  asking = true;
  try {
    const { members, count, more } = await history.members();
    if (!more) presence.welcome({ names: members, count });
  } catch {
    // The next change asks again.
  } finally {
    asking = false;
    people.show(presence);
  }
}

const typing = new TypingTeller({ send });
composer.resized = () => scroll.settle();
composer.typed = () => typing.typed();
composer.stopped = () => typing.stopped();
composer.say = (text) => {
  attention.said();
  scroll.toEnd();
  conversation.say(text);
};
outboxView.again = (nonce) => {
  conversation.sayAgain(nonce);
  composer.focus();
};
outboxView.discard = (nonce) => {
  conversation.discard(nonce);
  composer.focus();
};

// Coming and going.

const back = () => connection.check();
status.retry = back;
addEventListener("online", back);
addEventListener("offline", back);
addEventListener("pageshow", back);
addEventListener("focus", look);
addEventListener("blur", look);
document.addEventListener("visibilitychange", () => {
  look();
  if (document.visibilityState !== "visible") return;
  timelineView.refresh();
  back();
});
part("sign-out").addEventListener("submit", () => {
  berth.clear();
  sessionStorage.removeItem(keys.draft);
});

outboxView.show(outbox.entries);
scroll.toEnd();
connection.connect();
document.documentElement.dataset.ready = "";
