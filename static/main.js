// Entry point of the room's page: creates the parts and connects them.

import * as alerts from "./alerts.js";
import * as api from "./api.js";
import { Announcer } from "./announcer.js";
import { Hues } from "./avatar.js";
import { Backoff } from "./backoff.js";
import { ChannelLocks } from "./channel_locks.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { copyAsText } from "./copying.js";
import { MentionAlerts } from "./mention_alerts.js";
import { MuteList } from "./mute_list.js";
import { Outbox } from "./outbox.js";
import { OutboxView } from "./outbox_view.js";
import { addPanels } from "./panels.js";
import { PeopleView } from "./people.js";
import { Preferences } from "./preferences.js";
import { Presence } from "./presence.js";
import { ReadMarker } from "./read_marker.js";
import { mentionsName } from "./rich_text.js";
import { RulesView } from "./rules.js";
import { ScrollPosition } from "./scroll.js";
import { StatusLine } from "./status.js";
import { SafeStorage, watchKey } from "./storage.js";
import { TabOutbox } from "./tab_outbox.js";
import { formatCount, readTexts } from "./texts.js";
import { Timeline } from "./timeline.js";
import { TimelineView } from "./timeline_view.js";
import { TimelineWindow } from "./timeline_window.js";
import { TypingNotifier, showTyping } from "./typing.js";
import { UnreadTracker } from "./unread.js";
import { isOutdated } from "./version.js";
import { fitToViewport } from "./viewport.js";

const MAX_LISTED_PEOPLE = 200;
const MAX_FETCHES = 3;
/** Pages of history that are loaded at most to find the first unread message. */
const MAX_UNREAD_PAGES = 20;
/** How often the day and the time zone are looked at. */
const CALENDAR_MS = 30_000;
/** Messages missed in a shorter interruption need no line above them. */
const AWAY_MS = 30_000;

const part = (id) => document.getElementById(id);
const { you, since, textChars } = document.body.dataset;
const texts = readTexts(document);
const local = new SafeStorage(() => localStorage);
const session = new SafeStorage(() => sessionStorage);
// Only frames of other sites load it.
const embedding = parent === self ? null : (await import("./embed_link.js")).open(location.search || session.read("ruang.embed"));
const person = encodeURIComponent(you);
const keys = {
  draft: `ruang.draft/${person}`,
  read: `ruang.seen/${person}`,
  muted: `ruang.muted/${person}`,
  preferences: "ruang.preferences",
};

// The conversation.

const mutes = new MuteList({ storage: local, key: keys.muted });
const scroll = new ScrollPosition({ box: part("scroll"), jump: part("jump"), texts });
const hues = new Hues();
const timelineView = new TimelineView({ list: part("timeline"), scroll, you, texts, mutes, hues });
const timelineWindow = new TimelineWindow({
  getRows: () => timeline.rows,
  view: timelineView,
  isReading: () => !scroll.atEnd,
});
const timeline = new Timeline(timelineWindow);
const adopted = timelineView.adopt();
timelineWindow.adopt(adopted);

const earlier = part("earlier");
const updateEarlier = () => (earlier.hidden = !timeline.hasOlder && !timelineWindow.hasAbove);
timelineView.showOlder = updateEarlier;
timeline.adopt(adopted, since || null, earlier.dataset.more === "true");

/** Loads the messages in a gap, or (without one) before the oldest; the button shows progress and failure. */
async function loadHistory(gap, button) {
  if (button.disabled) return;
  const label = button.textContent;
  button.disabled = true;
  button.textContent = texts.loading;
  try {
    const request = timeline.historyRequest(gap);
    const page = await api.fetchMessages(request.before);
    scroll.preserve(() => {
      timeline.insertHistory(request, page);
      unread.locate(messagesOfOthers());
    });
    button.textContent = label;
  } catch {
    button.textContent = texts.load_failed;
  } finally {
    button.disabled = false;
  }
}

/** Shows older messages as the reader nears the top: from the timeline, then from the server. */
async function showOlder() {
  if (timelineWindow.hasAbove) scroll.preserve(() => timelineWindow.moveUp());
  else if (timeline.hasOlder) await loadHistory(null, earlier);
  updateEarlier();
}

timelineView.onLoad = loadHistory;
earlier.addEventListener("click", showOlder);
scroll.hasBelow = () => !timelineWindow.atEnd;
scroll.onReturn = () => timelineWindow.moveToEnd();
scroll.onScroll = ({ nearStart, nearEnd }) => {
  if (unread.away > 0) updateJumpUp();
  if (nearEnd && !timelineWindow.atEnd) scroll.preserve(() => timelineWindow.moveDown());
  else if (nearStart && earlier.textContent !== texts.load_failed) showOlder();
};

// Read and unread.

const isInFront = () => document.visibilityState === "visible" && document.hasFocus();
const readMarker = new ReadMarker({ storage: local, key: keys.read });
const title = document.title;
const unread = new UnreadTracker({
  present: isInFront(),
  onChange: () => {
    document.title = unread.count > 0 ? `(${unread.count}) ${title}` : title;
    scroll.unread = unread.count;
    embedding?.tell("unread", { count: unread.count });
    timelineView.firstUnreadId = unread.firstId;
    updateJumpUp();
  },
});

const messagesOfOthers = () =>
  timeline.rows
    .filter(({ kind }) => kind === "message")
    .map(({ message }) => message)
    .filter(({ from, removed }) => from !== you && !removed && !mutes.has(from));

/** The way up to the first unread message, where that is out of sight. */
const jumpUp = part("jump-unread");
function updateJumpUp() {
  if (unread.away === 0) return showJumpUp();
  // The page may be about to scroll to its end.
  requestAnimationFrame(() => requestAnimationFrame(showJumpUp));
}

function showJumpUp() {
  const line = timelineView.unreadLine;
  if (unread.away > 0 && line && !scroll.isAbove(line)) unread.clearAway();
  jumpUp.hidden = unread.away === 0;
  jumpUp.textContent = unread.away > 0 ? formatCount(texts, texts.unread_counted, unread.away) : "";
}

/** Loads what is missing up to the first unread message, and shows it. */
async function goToUnread() {
  for (let n = 0; n < MAX_UNREAD_PAGES && timeline.hasOlder && unread.isOlderUnread(timeline.oldestId()); n += 1) {
    await loadHistory(null, earlier);
    if (earlier.textContent === texts.load_failed) return;
  }
  const row = timeline.rowOf(unread.firstId);
  if (row) {
    timelineWindow.moveTo(row);
    scroll.scrollTo(timelineView.unreadLine);
  }
  unread.clearAway();
  part("scroll").focus({ preventScroll: true });
}
jumpUp.addEventListener("click", goToUnread);

function updatePresent() {
  unread.present = isInFront() && scroll.atEnd;
  if (unread.present) readMarker.advance(timeline.since);
}

function handleMessage(message) {
  timelineView.refreshCalendar();
  const isMuted = mutes.has(message.from);
  if (!isMuted) unread.add(message);
  if (unread.present) readMarker.advance(message.id);
  if (isMuted || !mentionsName(message.text, you)) return;
  mentionAlerts.add(message);
  embedding?.tell("mention", { from: message.from });
}

/** The connection was lost for a while: the messages that a welcome brings are marked as unread, also in front of the user. */
function markMissed(lastId, { messages }) {
  const ids = new Set(messages.map(({ id }) => id));
  unread.resume(messagesOfOthers().filter(({ id }) => ids.has(id)), lastId, messages.length);
}

const announcer = new Announcer({ region: part("announcer"), texts });
copyAsText(part("timeline"), document);

const lastReadId = readMarker.id;
scroll.onChange = updatePresent;

const boxes = { notices: part("prefer-notices"), sound: part("prefer-sound"), notify: part("prefer-notify") };
const preferences = new Preferences({
  boxes,
  storage: local,
  key: keys.preferences,
  defaults: { notices: true, sound: false, notify: false },
  onChange: (name, value) => {
    if (name === "notices") scroll.preserve(() => (document.body.dataset.presenceNotices = value ? "on" : "off"));
  },
});
// Alerts.

const mentionAlerts = new MentionAlerts({
  channel: new BroadcastChannel("ruang.alerts"),
  isInFront,
  alert: ({ from, text }, count) => {
    if (preferences.get("sound")) alerts.playSound();
    if (preferences.get("notify")) showNotification(from, text, count);
  },
});

async function showNotification(from, text, count) {
  const [title, body] = count > 1 ? [formatCount(texts, texts.mentions, count), `${from}: ${text}`] : [from, text];
  if (!(await alerts.notify(title, body, document.querySelector("link[rel=icon]").href))) refuseNotifications();
}

/** The box shows what the browser allows, also where that was changed later. */
function refuseNotifications() {
  preferences.set("notify", false);
  part("notify-refused").hidden = false;
}

async function checkNotifications() {
  if (!preferences.get("notify")) return;
  if (!alerts.isPermitted()) refuseNotifications();
  else await alerts.prepare();
}

boxes.notify.addEventListener("change", async () => {
  part("notify-refused").hidden = true;
  if (!boxes.notify.checked) return;
  if (await alerts.requestPermission()) await alerts.prepare();
  else refuseNotifications();
});
checkNotifications();

// Writing.

const tabOutbox = new TabOutbox({
  // Over http there are no Web Locks.
  locks: navigator.locks ?? new ChannelLocks(),
  storage: local,
  session,
  prefix: `ruang.outbox/${person}/`,
});
const outbox = new Outbox({ storage: local, key: await tabOutbox.acquire() });
for (const { message } of timeline.rows) if (message.from === you) outbox.remove(message.nonce);
const outboxView = new OutboxView({ list: part("outbox"), you, texts, scroll });
const composer = new Composer({ document, texts, storage: session, key: keys.draft, maxLength: Number(textChars) });
composer.lastSent = timeline.rows.findLast(({ message }) => message.from === you)?.message.text ?? "";

/** What the storage did not take is lost with the page: the browser asks before it closes. */
addEventListener("beforeunload", (event) => {
  const isDraftAtRisk = !session.isDurable && composer.draft.trim() !== "";
  const isOutboxAtRisk = !local.isDurable && outbox.entries.length > 0;
  if (isDraftAtRisk || isOutboxAtRisk) event.preventDefault();
});

// The connection.

const presence = new Presence();
const people = new PeopleView({ document, you, texts, mutes, hues });
timelineView.onHue = (name) => people.recolour(name);
addPanels(document);
const status = new StatusLine({ document, texts });
const rules = new RulesView({ document, texts });
rules.onFold = (change) => scroll.preserve(change);
part("begin").addEventListener("click", () => composer.focus());
mutes.onChange = () => {
  timelineView.refresh();
  people.refresh();
};
watchKey(keys.muted, () => mutes.reload());
watchKey(keys.preferences, () => preferences.reload());
composer.getNames = () => (presence.sortedNames(you, texts.lang) ?? []).filter((name) => name !== you);

let welcomes = 0;
/** When the last frame came before the connection was lost. */
let lostAt = Infinity;
const connection = new Connection({
  openSocket: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, "ruang.v1"),
  probe: api.probe,
  explain: api.explain,
  isHidden: () => document.hidden,
  getSince: () => timeline.since,
  onFrame: (frame, request) => {
    if (frame.type !== "welcome") return conversation.handleFrame(frame);
    const lastId = timeline.since;
    people.bots = frame.bots ?? [];
    scroll.preserve(() => conversation.handleFrame(frame, request));
    if (request && Date.now() - lostAt > AWAY_MS) markMissed(lastId, frame);
    lostAt = Infinity;
    afterWelcome(frame);
  },
  onState: (change) => {
    if (change.state === "waiting" || change.state === "ended") {
      conversation.handleDisconnect();
      lostAt = Math.min(lostAt, connection.heardAt);
    }
    status.show(change);
    // The form says why; drafts and unsent messages stay in the storage for the same name.
    if (change.state === "ended") location.replace(embedding?.signInPath() ?? `/?why=${change.why}`);
  },
  backoff: new Backoff(),
});
const send = (frame) => connection.send(frame);

async function afterWelcome({ limits }) {
  composer.maxLength = limits.text_chars;
  updatePresent();
  const own = timeline.rows.findLast(({ message }) => message?.from === you && message.at)?.message;
  if (own) rules.countFromMessage(Date.now() - own.at);
  await tabOutbox.adoptAbandoned((entries) => outbox.adopt(entries));
  conversation.flush();
  welcomes += 1;
  if (welcomes > 1 && (await isOutdated())) offerNewVersion();
}

/** Reloads only for a developer (`make page`); everybody else decides when to reload. */
function offerNewVersion() {
  if (location.hash === "#live") location.reload();
  else status.showOutdated();
}

const conversation = new Conversation({
  you,
  timeline,
  presence,
  outbox,
  send,
  view: {
    announce: (message) => !mutes.has(message.from) && announcer.add(message),
    onMessage: handleMessage,
    showPeople,
    showRules: (set) => scroll.preserve(() => rules.show(set)),
    onSent: () => rules.countFromMessage(),
    onPause: (ms) => rules.countPause(ms),
    showOutbox: () => outboxView.show(outbox.entries),
    showTyping: (names, count) => {
      const audible = names.filter((name) => !mutes.has(name));
      showTyping(part("typing"), texts, audible, count - (names.length - audible.length));
    },
  },
});

/** Fetches the names when frames no longer bring them all and the room is small enough to list. */
let isFetching = false;
async function showPeople() {
  people.show(presence);
  if (isFetching) return;
  isFetching = true;
  try {
    for (let n = 0; n < MAX_FETCHES && !presence.names && presence.count <= MAX_LISTED_PEOPLE; n += 1) {
      await presence.refresh(api.fetchMembers);
    }
  } catch {
    // The next change fetches again.
  } finally {
    isFetching = false;
    people.show(presence);
  }
}

const typing = new TypingNotifier({ send });
composer.onResize = () => scroll.repin();
composer.onTyping = () => typing.start();
composer.onStop = () => typing.stop();
composer.onSend = (text) => {
  unread.clearMark();
  scroll.scrollToEnd();
  conversation.send(text);
};
outboxView.onRetry = (nonce) => {
  conversation.retry(nonce);
  composer.focus();
};
outboxView.onDiscard = (nonce) => {
  conversation.discard(nonce);
  composer.focus();
};

// Events of the browser.

const checkConnection = () => connection.check();
status.onRetry = () => connection.connect();
for (const event of ["online", "offline", "pageshow", "focus"]) addEventListener(event, checkConnection);
document.addEventListener("resume", checkConnection);
for (const event of ["pointerdown", "keydown", "input"]) addEventListener(event, () => connection.nudge(), { passive: true });
function handleFront() {
  updatePresent();
  if (!isInFront()) return;
  mentionAlerts.clear();
  checkNotifications();
}
for (const event of ["focus", "blur"]) addEventListener(event, handleFront);
document.addEventListener("visibilitychange", () => {
  connection.attend();
  handleFront();
  if (document.visibilityState !== "visible") return;
  timelineView.refreshCalendar();
  checkConnection();
});
part("sign-out").addEventListener("submit", () => {
  tabOutbox.clear();
  session.remove(keys.draft);
});

fitToViewport({ viewport: globalThis.visualViewport, element: document.body, onChange: () => scroll.repin() });
outboxView.show(outbox.entries);
scroll.scrollToEnd();
unread.resume(messagesOfOthers(), lastReadId, timeline.rows.length);
setInterval(() => timelineView.refreshCalendar(), CALENDAR_MS);
connection.connect();
document.documentElement.dataset.ready = "";
