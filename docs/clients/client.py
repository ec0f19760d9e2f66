#!/usr/bin/env python3
"""Joins a ruang room, says one line, and prints what is said: client.py http://localhost:8080 NAME [TEXT]"""
import base64, json, os, socket, struct, sys, urllib.error, urllib.parse, urllib.request

class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None

base, name, text = sys.argv[1].rstrip("/"), sys.argv[2], " ".join(sys.argv[3:])
host = urllib.parse.urlsplit(base)
try:
    urllib.request.build_opener(Stay).open(base + "/", urllib.parse.urlencode({"username": name}).encode())
    sys.exit("the server did not answer with a redirect")
except urllib.error.HTTPError as answer:
    if answer.code != 303:
        sys.exit(f"cannot sign in: {answer.code}")
    cookie = answer.headers["set-cookie"].split(";")[0]

connection = socket.create_connection((host.hostname, host.port or 80))
stream, key = connection.makefile("rb"), base64.b64encode(os.urandom(16)).decode()
connection.sendall(f"GET /ws HTTP/1.1\r\nHost: {host.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: {cookie}\r\n"
                   f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
while stream.readline() != b"\r\n":
    pass

def send(frame, opcode=1):
    data, mask = frame if isinstance(frame, bytes) else json.dumps(frame).encode(), os.urandom(4)
    head = struct.pack("!BB", 0x80 | opcode, 0x80 | len(data)) if len(data) < 126 else struct.pack("!BBH", 0x80 | opcode, 0xFE, len(data))
    connection.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

send({"type": "join"})
while head := stream.read(2):
    size = {126: lambda: struct.unpack("!H", stream.read(2))[0], 127: lambda: struct.unpack("!Q", stream.read(8))[0]}.get(head[1], lambda: head[1])()
    opcode, data = head[0] & 15, stream.read(size)
    frame = json.loads(data) if opcode == 1 else {"type": {8: "end", 9: "ping"}.get(opcode)}
    if frame["type"] == "ping": send(data, 10)
    elif frame["type"] == "end": break
    elif frame["type"] == "welcome" and text: send({"type": "message", "nonce": os.urandom(8).hex(), "text": text})
    elif frame["type"] == "message": print(f"{frame['from']}: {frame['text']}", flush=True)
