#!/usr/bin/env python3
"""A complete client of a ruang room: complete.py https://chat.example.org NAME (a program of the room: its token in RUANG_TOKEN, any NAME)

Sends each line of standard input as a message, exactly once, over reconnects; prints messages, joins, leaves and gaps; signs out at the
end of the input, once everything is sent, or when interrupted. Python 3.9 or later, nothing to install. docs/protocol.md explains why.
"""
import argparse, asyncio, base64, contextlib, functools, http.client, json, os, random, signal, ssl, struct, sys, threading, time, urllib.parse

FINAL = {1002, 1003, 1007, 1008, 1009}  # and 4000 and above: do not come back
RESEND_SECONDS = 9 * 60  # the server remembers a nonce for ten minutes at least
BOUND, MOST, MOST_WITHOUT_ANSWER = 0.5, 15, 3.5  # of the random wait before a reconnect, in seconds

def order(id): return tuple(map(int, id.split("-"))) if id else (-1, -1)

class Client:
    def __init__(self, options):
        self.url, self.name, self.as_json = urllib.parse.urlsplit(options.url), options.name, options.json
        self.ping, self.answer, self.alias, self.path = options.ping, options.answer, options.alias, self.url.path.rstrip("/")
        self.tls = ssl.create_default_context() if self.url.scheme == "https" else None
        self.port = self.url.port or (443 if self.tls else 80)
        self.since = self.you = self.writer = None
        self.auth = {"Authorization": "Bearer " + os.environ["RUANG_TOKEN"]} if os.environ.get("RUANG_TOKEN") else {}
        self.outbox = []  # {"nonce", "text", "first": when it was first sent, "acked"}, oldest first
        self.in_flight, self.input_ended, self.bound = None, False, BOUND
        self.reset()
    def reset(self):  # forgets the state of one connection
        self.joined, self.retry_after, self.in_flight, self.behind = False, 0, None, None
        self.ping_at = self.pong_due = self.welcome_due = self.join_at = self.send_at = None
    def say(self, text, **event):
        if event and self.as_json: print(json.dumps(event), flush=True)
        if text and not self.as_json: print(text, flush=True)

    async def request(self, path, form):  # posts a form; returns the status and the headers, or None and {} without an answer
        def post():
            kind = functools.partial(http.client.HTTPSConnection, context=self.tls) if self.tls else http.client.HTTPConnection
            headers = {"Content-Type": "application/x-www-form-urlencoded", **self.auth}
            with contextlib.closing(kind(self.url.hostname, self.port, timeout=self.answer)) as connection:
                connection.request("POST", self.path + path, urllib.parse.urlencode(form), headers)
                response = connection.getresponse()
                return response.status, response.headers
        with contextlib.suppress(OSError, http.client.HTTPException): return await asyncio.to_thread(post)
        return None, {}

    async def sign_in(self):
        while not self.auth and (answer := await self.request("/", {"username": self.name}))[0] != 303:
            status, headers = answer
            if status and status < 500 and status not in (408, 429): sys.exit(f"cannot sign in: {status}")
            await self.back_off(float(headers.get("Retry-After", 0)), MOST if status else MOST_WITHOUT_ANSWER)
        self.auth = self.auth or {"Cookie": answer[1]["Set-Cookie"].split(";")[0]}
    async def sign_out(self):
        until = time.monotonic() + 60
        while (await self.request("/logout", {}))[0] != 303 and time.monotonic() < until: await asyncio.sleep(0.5)
    async def back_off(self, least, most=MOST):  # waits at random, so that the clients of a stopped instance do not all come back at once
        await asyncio.sleep(least + random.uniform(0, min(self.bound, most)))
        self.bound = min(self.bound, most) * 2

    async def run(self):
        await self.sign_in()
        while True:
            self.reset()
            try: code = await self.connection()
            except (OSError, EOFError, asyncio.TimeoutError, ValueError): code = None
            writer, self.writer, self.joined = self.writer, None, False
            if writer: writer.transport.abort()
            self.say(f"-- the connection ended ({code})", ended=code)
            if code in FINAL or (code or 0) >= 4000: sys.exit(f"the server closed the connection for good: {code}")
            await self.back_off(self.retry_after, MOST if writer else MOST_WITHOUT_ANSWER)

    async def connection(self):  # runs one connection; returns the code of its close frame
        reader, writer = await asyncio.wait_for(asyncio.open_connection(self.url.hostname, self.port, ssl=self.tls), self.answer)
        self.writer, key = writer, base64.b64encode(os.urandom(16)).decode()
        writer.write((f"GET {self.path}/ws HTTP/1.1\r\nHost: {self.url.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{': '.join(*self.auth.items())}\r\n"
                      f"Sec-WebSocket-Protocol: ruang.v1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), self.answer)).decode("latin-1").lower()
        status = int(head.split(" ")[1])
        if status != 101:
            self.say(f"-- refused: {status}", refused=status)
            if status == 401: sys.exit("the session has ended: sign in again")
            self.retry_after = float(head.partition("\r\nretry-after:")[2].split("\r\n")[0] or 0)
            return None
        self.say("", connected=True)
        self.join()
        clock = asyncio.ensure_future(self.clock())
        try:
            while True:
                first, second = await reader.readexactly(2)
                size = second & 127
                if size > 125: size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
                data = await reader.readexactly(size)
                if first & 15 == 9: self.write(data, 10)
                elif first & 15 == 8: return struct.unpack("!H", data[:2])[0] if data else None
                elif first & 15 == 1: self.receive(json.loads(data))
        finally: clock.cancel()

    def write(self, data, opcode=1):
        mask = os.urandom(4)
        size = struct.pack("!B", 0x80 | len(data)) if len(data) < 126 else struct.pack("!BH", 0xFE, len(data))
        self.writer.write(bytes([0x80 | opcode]) + size + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))
    def send(self, frame):
        self.say("", sent=frame)
        self.write(json.dumps(frame).encode())
    def join(self):
        self.welcome_due, self.join_at = time.monotonic() + self.answer, None
        self.send({"type": "join", "since": self.since})

    async def clock(self):  # does what is due; a connection without an answer is closed without waiting for the close frame
        while True:
            await asyncio.sleep(0.1)
            is_due = lambda at, now=time.monotonic(): at is not None and at <= now
            if is_due(self.pong_due) or is_due(self.welcome_due): self.writer.transport.abort()
            elif is_due(self.ping_at):
                self.ping_at, self.pong_due = None, time.monotonic() + self.answer
                self.send({"type": "ping"})
            elif is_due(self.join_at):
                self.join_at = None
                if not self.joined or order(self.behind) > order(self.since): self.join()
            elif is_due(self.send_at): self.send_next()

    def receive(self, frame):
        self.say("", received=frame)
        getattr(self, f"on_{frame.get('type')}", lambda _: None)(frame)  # types of later versions are ignored

    def on_welcome(self, frame):
        if self.since and not frame["recovered"]:
            self.say(f"-- {frame['missed'] or 'some'} messages before this line are missing: GET /api/messages has what is still stored")
        self.welcome_due, self.joined, self.in_flight, self.you = None, True, None, frame["you"]
        if self.ping_at is None and self.pong_due is None: self.ping_at = time.monotonic() + self.ping
        for message in frame["messages"]: self.show(message)
        self.since = frame["head"]
        self.say("-- here: " + ", ".join(frame["members"]["names"] or [str(frame["members"]["count"])]))
        for entry in self.outbox: entry["acked"] = False  # what a welcome does not contain is sent again, under its nonce
        self.send_next()
    def on_message(self, frame):
        (epoch, n), (last_epoch, last) = order(frame["id"]), order(self.since)
        if (epoch, n) <= (last_epoch, last): return
        if epoch == last_epoch and n != last + 1: return self.welcome_due or self.join()  # a hole: the welcome has what is missing
        self.show(frame)
        self.since = frame["id"]
    def show(self, message):
        if message["type"] == "removed": return self.on_removed(message)
        if message["from"] == self.you: self.drop(message["nonce"])
        self.say(f"{message['from']}: {message['text']}" + (f" (answers {message['reply_to']})" if "reply_to" in message else ""))
    def on_ack(self, frame):
        for entry in self.outbox: entry["acked"] |= entry["nonce"] == frame["nonce"]
        if order(frame["id"]) <= order(self.since): self.drop(frame["nonce"])  # else the message itself is still to come
        self.in_flight = None
        self.send_next()
    def on_error(self, frame):
        later, of_message = time.monotonic() + frame.get("retry_after_ms", 2000) / 1000, "nonce" in frame
        passing = frame["code"] in ("rate_limited", "unavailable")
        if passing and of_message: self.in_flight, self.send_at = None, later
        elif passing and not self.joined: self.join_at, self.welcome_due = later, None
        elif of_message:
            self.in_flight = self.drop(frame["nonce"], f"-- not accepted: {frame['code']}")
            self.send_next()
    def on_pong(self, frame):
        self.ping_at, self.pong_due, self.bound, self.behind = time.monotonic() + self.ping, None, BOUND, frame["head"]
        if self.joined and order(frame["head"]) > order(self.since) and not self.join_at: self.join_at = time.monotonic() + 1
    def on_presence(self, frame):
        for what, name in [(what, name) for what in ("joined", "left") for name in frame.get(what, [])]: self.say(f"-- {name} {what}")
    def on_removed(self, frame): self.say(f"-- message {frame['id']} " + ("now reads: " + frame["text"] if "text" in frame else "was deleted"))
    on_edited = on_removed
    def on_bye(self, frame): self.retry_after = frame.get("retry_after_ms", 0) / 1000
    def drop(self, nonce, why=None):
        self.outbox = [entry for entry in self.outbox if entry["nonce"] != nonce]
        self.say(why)
    def add(self, text):
        self.outbox.append({"nonce": base64.urlsafe_b64encode(os.urandom(12)).decode(), "text": text, "first": None, "acked": False})
        if self.send_at is None: self.send_next()

    def send_next(self):  # sends the oldest message that is not acknowledged, one at a time: so the order stays
        self.send_at, now = None, time.monotonic()
        for entry in [entry for entry in self.outbox if (entry["first"] or now) + RESEND_SECONDS < now]:
            self.drop(entry["nonce"], f"-- perhaps not sent: {entry['text']}")
        entry = next((entry for entry in self.outbox if not entry["acked"]), None)
        if not (entry and self.joined and self.in_flight is None): return
        entry["first"], self.in_flight = entry["first"] or now, entry["nonce"]
        self.send({"type": "message", "nonce": entry["nonce"], "text": entry["text"], **({"as": self.alias} if self.alias else {})})

async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for what in ("url", "name"): parser.add_argument(what)
    parser.add_argument("--as", dest="alias", help="for a program: a second name, shown after its own")
    parser.add_argument("--json", action="store_true", help="print each frame and each end of a connection as a line of JSON")
    for what, seconds in (("ping", 20), ("answer", 10)): parser.add_argument("--" + what, type=float, default=seconds, help="seconds to wait")
    client = Client(parser.parse_args())
    loop, finished = asyncio.get_running_loop(), asyncio.Event()
    def read_input():
        for line in sys.stdin:
            if line.strip(): loop.call_soon_threadsafe(client.add, line.rstrip("\n"))
        loop.call_soon_threadsafe(setattr, client, "input_ended", True)
    threading.Thread(target=read_input, daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM): loop.add_signal_handler(number, finished.set)
    running = asyncio.ensure_future(client.run())
    while not (finished.is_set() or running.done() or (client.input_ended and client.joined and not client.outbox)): await asyncio.sleep(0.05)
    if running.done(): return running.result()
    running.cancel()
    if "Cookie" in client.auth: await client.sign_out()

asyncio.run(main())
