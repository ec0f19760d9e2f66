// Joins a ruang room, sends one line, prints messages until interrupted, signs out: node client.mjs https://chat.example.org NAME [TEXT]
// A program of the room has its token in RUANG_TOKEN instead of signing in: its NAME here is ignored.
// Nothing to install: it builds the WebSocket on Node's own HTTP client.
import { randomBytes } from "node:crypto";
import http from "node:http";
import https from "node:https";

const [base, name, ...words] = process.argv.slice(2);
const token = process.env.RUANG_TOKEN;
const signIn = async () => {
  const form = new URLSearchParams({ username: name });
  const { status, headers } = await fetch(`${base}/`, { method: "POST", body: form, redirect: "manual" });
  if (status !== 303) throw new Error(`cannot sign in: ${status}`);
  return { cookie: headers.getSetCookie()[0].split(";")[0] };
};
const auth = token ? { authorization: `Bearer ${token}` } : await signIn();
const signOut = async () => {
  if (!token) await fetch(`${base}/logout`, { method: "POST", headers: auth, redirect: "manual" });
  process.exit();
};
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, signOut);
const upgrade = { ...auth, connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": 13, "sec-websocket-key": randomBytes(16).toString("base64") };

(base.startsWith("https:") ? https : http).get(`${base}/ws`, { headers: upgrade }).on("upgrade", (_, socket, first) => {
  const send = (text, opcode = 1) => {
    const [data, mask] = [Buffer.from(text), randomBytes(4)];
    const size = data.length < 126 ? [0x80 | data.length] : [0xfe, data.length >> 8, data.length & 255];
    socket.write(Buffer.concat([Buffer.from([0x80 | opcode, ...size]), mask, data.map((byte, i) => byte ^ mask[i % 4])]));
  };
  let unread = first;
  const receive = (bytes) => {
    unread = Buffer.concat([unread, bytes]);
    for (;;) {
      if (unread.length < 2) return;
      const wide = { 126: 2, 127: 8 }[unread[1]] ?? 0;
      if (unread.length < 2 + wide) return;
      const size = wide === 8 ? Number(unread.readBigUInt64BE(2)) : wide === 2 ? unread.readUInt16BE(2) : unread[1];
      const end = 2 + wide + size;
      if (unread.length < end) return;
      handle(unread[0] & 15, unread.subarray(2 + wide, end));
      unread = unread.subarray(end);
    }
  };
  const handle = (opcode, data) => {
    if (opcode === 9) return send(data, 10);
    if (opcode === 8) return signOut();
    const frame = JSON.parse(data);
    if (frame.type === "message") console.log(`${frame.from}: ${frame.text}`);
    if (frame.type === "welcome" && words.length > 0) send(JSON.stringify({ type: "message", nonce: randomBytes(8).toString("hex"), text: words.join(" ") }));
  };
  socket.on("data", receive).on("end", signOut);
  receive(Buffer.alloc(0));
  send(JSON.stringify({ type: "join" }));
});
