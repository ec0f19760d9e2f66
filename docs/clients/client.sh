#!/usr/bin/env bash
# Prints the newest messages of a ruang room and the people in it, signs out: client.sh https://chat.example.org NAME
# A program of the room sends a line, once however often it is tried: RUANG_TOKEN=... client.sh https://chat.example.org TEXT
# Needs curl and jq. It uses the HTTP API only.
set -euo pipefail
base=${1%/} name=$2
if [ -n "${RUANG_TOKEN:-}" ]; then
    # The token reaches curl by its standard input: arguments are visible to other users of the machine.
    printf 'header = "Authorization: Bearer %s"\n' "$RUANG_TOKEN" |
        curl -sf --retry 5 -K - -H "Idempotency-Key: $(date +%s)-$$-$RANDOM" --data-urlencode "text=$2" "$base/api/messages" | jq -r .id
    exit
fi
jar=$(mktemp)
trap 'curl -s -o /dev/null -b "$jar" -X POST "$base/logout"; rm -f "$jar"' EXIT
status=$(curl -s -o /dev/null -w '%{http_code}' -c "$jar" --data-urlencode "username=$name" "$base/")
[ "$status" = 303 ] || { echo "cannot sign in: $status" >&2; exit 1; }
curl -sf -b "$jar" "$base/api/messages?limit=20" | jq -r '.messages[] | select(.removed | not) | "\(.from): \(.text)"'
curl -sf -b "$jar" "$base/api/members" | jq -r '"here: \(.members | join(", ")) (\(.count))"'
