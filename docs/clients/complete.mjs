#!/usr/bin/env node
// A complete client of a ruang room: complete.mjs https://chat.example.org NAME (a program of the room: its token in RUANG_TOKEN, any NAME)
//
// Sends each line of standard input as a message, exactly once, over reconnects; prints messages, joins, leaves and gaps; signs out at the
// end of the input, once everything is sent, or when interrupted. Node 20 or later, nothing to install. docs/protocol.md explains why.
import { randomBytes } from "node:crypto";
import http from "node:http";
import https from "node:https";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const FINAL = new Set([1002, 1003, 1007, 1008, 1009]); // and 4000 and above: do not come back
const RESEND_MS = 9 * 60_000; // the server remembers a nonce for ten minutes at least
const [BOUND_MS, MOST_MS, MOST_WITHOUT_ANSWER_MS] = [500, 15_000, 3500]; // of the random wait before a reconnect

const { values, positionals } = parseArgs({
  allowPositionals: true,
  // --as: for a program, a second name, shown after its own. The others are seconds to wait.
  options: { as: { type: "string" }, ping: { type: "string", default: "20" }, answer: { type: "string", default: "10" } },
});
const [base, name] = [positionals[0].replace(/\/$/, ""), positionals[1]];
const [pingMs, answerMs] = [values.ping * 1000, values.answer * 1000];
const web = base.startsWith("https:") ? https : http;
const token = process.env.RUANG_TOKEN;
const order = (id) => (id ? id.split("-").map(Number) : [-1, -1]);
const isAfter = (a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1];
const quit = (why) => {
  console.error(why);
  process.exit(1);
};

let auth = token ? { authorization: `Bearer ${token}` } : null;
let [since, you, inputEnded, boundMs] = [null, null, false, BOUND_MS];
let outbox = []; // { nonce, text, first: when it was first sent, acked }, oldest first
let link = null; // the state of one connection
let isLeaving = false;

/** Posts a form; null without an answer. */
async function post(path, form) {
  const options = { method: "POST", body: new URLSearchParams(form), headers: auth ?? {}, redirect: "manual", signal: AbortSignal.timeout(answerMs) };
  return fetch(base + path, options).catch(() => null);
}

/** Waits at random, so that the clients of a stopped instance do not all come back at once. */
async function backOff(leastMs, mostMs) {
  const bound = Math.min(boundMs, mostMs);
  boundMs = bound * 2;
  await sleep(leastMs + Math.random() * bound);
}

async function signIn() {
  while (!auth) {
    const answer = await post("/", { username: name });
    if (answer?.status === 303) auth = { cookie: answer.headers.getSetCookie()[0].split(";")[0] };
    else if (answer && answer.status < 500 && ![408, 429].includes(answer.status)) quit(`cannot sign in: ${answer.status}`);
    else await backOff(Number(answer?.headers.get("retry-after") ?? 0) * 1000, answer ? MOST_MS : MOST_WITHOUT_ANSWER_MS);
  }
}

async function signOut() {
  const until = Date.now() + 60_000;
  while ((await post("/logout", {}))?.status !== 303 && Date.now() < until) await sleep(500);
}

async function run() {
  await signIn();
  for (;;) {
    const { code, wasOpen, retryAfterMs } = await connect();
    if (isLeaving) return;
    console.log(`-- the connection ended (${code})`);
    if (FINAL.has(code) || code >= 4000) quit(`the server closed the connection for good: ${code}`);
    await backOff(retryAfterMs, wasOpen ? MOST_MS : MOST_WITHOUT_ANSWER_MS);
  }
}

/** Runs one connection until it ends. */
function connect() {
  return new Promise((resolve) => {
    const headers = { ...auth, connection: "Upgrade", upgrade: "websocket", "sec-websocket-protocol": "ruang.v1", "sec-websocket-version": 13, "sec-websocket-key": randomBytes(16).toString("base64") };
    const here = (link = { joined: false, inFlight: null, behind: null, retryAfterMs: 0, code: null });
    const end = () => {
      clearInterval(here.clock);
      here.socket?.destroy();
      if (link === here) link = null;
      resolve({ code: here.code, wasOpen: Boolean(here.socket), retryAfterMs: here.retryAfterMs });
    };
    const request = web.get(`${base}/ws`, { headers, timeout: answerMs, agent: false });
    request.on("timeout", () => request.destroy()).on("error", end);
    request.on("response", ({ statusCode, headers: answer }) => {
      console.log(`-- refused: ${statusCode}`);
      if (statusCode === 401) quit("the session has ended: sign in again");
      here.retryAfterMs = Number(answer["retry-after"] ?? 0) * 1000;
      request.destroy();
      end();
    });
    request.on("upgrade", (_, socket, first) => {
      here.socket = socket.setTimeout(0);
      here.clock = setInterval(tick, 100);
      let unread = first;
      const read = (bytes) => {
        unread = Buffer.concat([unread, bytes]);
        for (let frame = takeFrame(unread); frame && link === here; frame = takeFrame(unread)) {
          unread = unread.subarray(frame.length);
          if (frame.opcode === 9) write(frame.data, 10);
          else if (frame.opcode === 1) receive(JSON.parse(frame.data));
          else if (frame.opcode === 8) {
            here.code = frame.data.length > 1 ? frame.data.readUInt16BE() : null;
            return end();
          }
        }
      };
      socket.on("data", read).on("close", end).on("error", end);
      join();
      read(Buffer.alloc(0));
    });
  });
}

/** The first frame in these bytes, if it is complete. */
function takeFrame(bytes) {
  if (bytes.length < 2) return null;
  const wide = { 126: 2, 127: 8 }[bytes[1]] ?? 0;
  if (bytes.length < 2 + wide) return null;
  const size = wide === 8 ? Number(bytes.readBigUInt64BE(2)) : wide === 2 ? bytes.readUInt16BE(2) : bytes[1];
  const length = 2 + wide + size;
  return bytes.length < length ? null : { opcode: bytes[0] & 15, data: bytes.subarray(2 + wide, length), length };
}

function write(text, opcode = 1) {
  const [data, mask] = [Buffer.from(text), randomBytes(4)];
  const size = data.length < 126 ? [0x80 | data.length] : [0xfe, data.length >> 8, data.length & 255];
  link.socket.write(Buffer.concat([Buffer.from([0x80 | opcode, ...size]), mask, data.map((byte, i) => byte ^ mask[i % 4])]));
}
const send = (frame) => write(JSON.stringify(frame));

function join() {
  Object.assign(link, { welcomeDue: Date.now() + answerMs, joinAt: null });
  send({ type: "join", since });
}

/** Does what is due; a connection without an answer is closed without waiting for the close frame. */
function tick() {
  const isDue = (at) => at && at <= Date.now();
  if (isDue(link.pongDue) || isDue(link.welcomeDue)) link.socket.destroy();
  else if (isDue(link.pingAt)) {
    Object.assign(link, { pingAt: null, pongDue: Date.now() + answerMs });
    send({ type: "ping" });
  } else if (isDue(link.joinAt)) {
    link.joinAt = null;
    if (!link.joined || isAfter(link.behind, since) > 0) join();
  } else if (isDue(link.sendAt)) sendNext();
}

const handlers = {
  welcome({ recovered, missed, messages, head, members, you: own }) {
    if (since && !recovered) console.log(`-- ${missed ?? "some"} messages before this line are missing: GET /api/messages has what is still stored`);
    you = own;
    Object.assign(link, { welcomeDue: null, joined: true, inFlight: null, pingAt: link.pingAt ?? Date.now() + pingMs });
    messages.forEach(show);
    since = head;
    console.log(`-- here: ${members.names?.join(", ") ?? members.count}`);
    for (const entry of outbox) entry.acked = false; // what a welcome does not contain is sent again, under its nonce
    sendNext();
  },
  message(frame) {
    if (isAfter(frame.id, since) <= 0) return;
    const [[epoch, n], [lastEpoch, last]] = [order(frame.id), order(since)];
    if (epoch === lastEpoch && n !== last + 1) return link.welcomeDue ? null : join(); // a hole: the welcome has what is missing
    show(frame);
    since = frame.id;
  },
  ack({ nonce, id }) {
    for (const entry of outbox) entry.acked ||= entry.nonce === nonce;
    if (isAfter(id, since) <= 0) drop(nonce); // else the message itself is still to come
    link.inFlight = null;
    sendNext();
  },
  error({ code, nonce, retry_after_ms: ms = 2000 }) {
    const isPassing = ["rate_limited", "unavailable"].includes(code);
    if (isPassing && nonce) Object.assign(link, { inFlight: null, sendAt: Date.now() + ms });
    else if (isPassing && !link.joined) Object.assign(link, { joinAt: Date.now() + ms, welcomeDue: null });
    else if (nonce) {
      link.inFlight = drop(nonce, `-- not accepted: ${code}`);
      sendNext();
    }
  },
  pong({ head }) {
    boundMs = BOUND_MS;
    Object.assign(link, { pingAt: Date.now() + pingMs, pongDue: null, behind: head });
    if (link.joined && isAfter(head, since) > 0) link.joinAt ??= Date.now() + 1000;
  },
  presence(frame) {
    for (const what of ["joined", "left"]) for (const who of frame[what] ?? []) console.log(`-- ${who} ${what}`);
  },
  removed: ({ id, text }) => console.log(`-- message ${id} ${text === undefined ? "was deleted" : `now reads: ${text}`}`),
  edited: (frame) => handlers.removed(frame),
  bye: ({ retry_after_ms: ms = 0 }) => (link.retryAfterMs = ms),
};
const receive = (frame) => handlers[frame.type]?.(frame); // types of later versions are ignored

function show(message) {
  if (message.type === "removed") return handlers.removed(message);
  if (message.from === you) drop(message.nonce);
  console.log(`${message.from}: ${message.text}${message.reply_to ? ` (answers ${message.reply_to})` : ""}`);
}

function drop(nonce, why) {
  outbox = outbox.filter((entry) => entry.nonce !== nonce);
  if (why) console.log(why);
  return null;
}

/** Sends the oldest message that is not acknowledged, one at a time: so the order stays. */
function sendNext() {
  if (!link) return;
  link.sendAt = null;
  for (const entry of outbox) if (entry.first + RESEND_MS < Date.now()) drop(entry.nonce, `-- perhaps not sent: ${entry.text}`);
  const entry = outbox.find(({ acked }) => !acked);
  if (!entry || !link.joined || link.inFlight !== null) return;
  entry.first ??= Date.now();
  link.inFlight = entry.nonce;
  send({ type: "message", nonce: entry.nonce, text: entry.text, as: values.as });
}

async function finish() {
  isLeaving = true; // signing out ends the socket
  if (!token && auth) await signOut();
  process.exit();
}

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, finish);
createInterface({ input: process.stdin }).on("close", () => (inputEnded = true)).on("line", (text) => {
  if (text.trim() === "") return;
  outbox.push({ nonce: randomBytes(12).toString("base64url"), text, acked: false });
  if (link && !link.sendAt) sendNext();
});
run();
while (!(inputEnded && link?.joined && outbox.length === 0)) await sleep(50);
await finish();
