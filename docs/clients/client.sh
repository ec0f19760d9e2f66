#!/usr/bin/env bash
# Prints the newest messages of a ruang room and the people in it, signs out: client.sh https://chat.example.org NAME
# A program of the room, with its token in RUANG_TOKEN, sends a line, once however often it is tried: client.sh https://chat.example.org TEXT
# (RUANG_AS=Deploy: under a second name; with - as TEXT each line of standard input, in order). With RUANG_FOLLOW=1 it prints messages
# until it is interrupted, each once, over outages. Needs curl and jq. It uses the HTTP API only.
set -euo pipefail
base=${1%/} name=$2
program() { # calls the API; the token reaches curl by its standard input: arguments are visible to other users of the machine
    printf 'header = "Authorization: Bearer %s"\n' "$RUANG_TOKEN" | curl -sS --fail-with-body --max-time 10 -K - "$@"
}
back_off() { # waits at random, twice as long each time, at most 15 s
    sleep "$(awk -v most="$wait" -v seed="$RANDOM" 'BEGIN { srand(seed); print rand() * most }')"
    wait=$((wait * 2 > 15 ? 15 : wait * 2))
}
say() { # curl obeys Retry-After; without an answer the same key is tried again, so it stays one message: keys are remembered for ten minutes
    local key wait=1 as=() until=$((SECONDS + 540))
    key="$(date +%s)-$$-$RANDOM"
    [ -z "${RUANG_AS:-}" ] || as=(--data-urlencode "as=$RUANG_AS")
    until program --retry 20 --retry-connrefused --retry-max-time 540 -H "Idempotency-Key: $key" --data-urlencode "text=$1" "${as[@]}" "$base/api/messages" | jq -er '.id // empty'; do
        # 22: it was refused. Else it was perhaps not sent.
        if [ "${PIPESTATUS[0]}" = 22 ] || [ "$SECONDS" -ge "$until" ]; then return 1; fi
        back_off
    done
}
follow() { # reads what came after the last message it has
    local since page wait=1
    until since=$(program "$base/api/messages?limit=1" | jq -er '.messages[-1].id // "0-0"'); do back_off; done
    while sleep 1; do
        if ! page=$(program "$base/api/messages?limit=100&after=$since"); then back_off; continue; fi
        wait=1
        jq -r '.messages[] | select(.text) | "\(.from): \(.text)"' <<<"$page"
        since=$(jq -r --arg since "$since" '.messages[-1].id // $since' <<<"$page")
    done
}
if [ -n "${RUANG_TOKEN:-}" ]; then
    if [ -n "${RUANG_FOLLOW:-}" ]; then follow; fi
    if [ "$2" != - ]; then say "$2"; else while IFS= read -r line; do say "$line"; done; fi
    exit
fi
jar=$(mktemp)
trap 'curl -s -o /dev/null -b "$jar" -X POST "$base/logout"; rm -f "$jar"' EXIT
status=$(curl -s -o /dev/null -w '%{http_code}' -c "$jar" --data-urlencode "username=$name" "$base/")
[ "$status" = 303 ] || { echo "cannot sign in: $status" >&2; exit 1; }
curl -sf -b "$jar" "$base/api/messages?limit=20" | jq -r '.messages[] | select(.removed | not) | "\(.from): \(.text)"'
curl -sf -b "$jar" "$base/api/members" | jq -r '"here: \(.members | join(", ")) (\(.count))"'
