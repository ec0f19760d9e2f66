#!/usr/bin/env python3
"""Joins a ruang room, sends one line, prints messages until interrupted, signs out: client.py https://chat.example.org NAME [TEXT]
A program of the room has its token in RUANG_TOKEN instead of signing in: NAME is ignored."""
import base64, json, os, signal, socket, ssl, struct, sys, urllib.error, urllib.parse, urllib.request, urllib.response

base, name, text = sys.argv[1].rstrip("/"), sys.argv[2], " ".join(sys.argv[3:])
host, token = urllib.parse.urlsplit(base), os.environ.get("RUANG_TOKEN")
class NoRedirect(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, request, body, code, message, headers):
        return urllib.response.addinfourl(body, headers, request.full_url, code)

def post(path, data, headers={}):
    return urllib.request.build_opener(NoRedirect).open(urllib.request.Request(base + path, urllib.parse.urlencode(data).encode(), headers))
try: auth = f"Authorization: Bearer {token}" if token else "Cookie: " + post("/", {"username": name}).headers["set-cookie"].split(";")[0]
except urllib.error.HTTPError as answer: sys.exit(f"cannot sign in: {answer.code}")
connection, key = socket.create_connection((host.hostname, host.port or (443 if host.scheme == "https" else 80))), base64.b64encode(os.urandom(16)).decode()
if host.scheme == "https": connection = ssl.create_default_context().wrap_socket(connection, server_hostname=host.hostname)
stream = connection.makefile("rb")
connection.sendall(f"GET {host.path}/ws HTTP/1.1\r\nHost: {host.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{auth}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())

def send(frame, opcode=1):
    data, mask = frame if isinstance(frame, bytes) else json.dumps(frame).encode(), os.urandom(4)
    head = struct.pack("!BB", 0x80 | opcode, 0x80 | len(data)) if len(data) < 126 else struct.pack("!BBH", 0x80 | opcode, 0xFE, len(data))
    connection.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

def stop(number, _): signal.signal(number, signal.SIG_IGN); sys.exit()

for number in signal.SIGINT, signal.SIGTERM: signal.signal(number, stop)
try:
    while stream.readline() != b"\r\n": pass
    send({"type": "join"})
    while head := stream.read(2):
        data = stream.read(int.from_bytes(stream.read({126: 2, 127: 8}[head[1]]), "big") if head[1] > 125 else head[1])
        frame = json.loads(data) if head[0] & 15 == 1 else {"type": {8: "end", 9: "ping"}.get(head[0] & 15)}
        if frame["type"] == "ping": send(data, 10)
        elif frame["type"] == "end": break
        elif frame["type"] == "welcome" and text: send({"type": "message", "nonce": os.urandom(8).hex(), "text": text})
        elif frame["type"] == "message": print(f"{frame['from']}: {frame['text']}", flush=True)
finally: token or post("/logout", {}, dict([auth.split(": ")]))
