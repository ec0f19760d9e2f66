# `make` lists the targets.
.PHONY: help run test check bench torture soak sim mutants mutants-rust page release
help:           ## Lists the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16
run:            ## Runs one instance on http://127.0.0.1:8080
	cargo run --locked
test:           ## Runs the tests of a change; installs what they need
	tests/run
check:          ## Quick checks: format, clippy, unit tests
	cargo fmt --check
	cargo clippy --locked --all-targets --test outside --test torture -- -D warnings
	cargo test --locked --lib --bins
	node --test tests/page/*.test.js
bench:          ## Measures the fan-out beside its floor (docs/benchmark.md)
	cargo bench --locked --bench fanout
torture:        ## Chats under random faults, with a checker (docs/torture.md)
	cargo test --locked --test torture -- --seed $${SEED:-1} --minutes $${MINUTES:-5}
soak:           ## The same with hostile clients and an open page, for an hour
	cargo test --locked --test torture -- --seed $${SEED:-1} --minutes $${MINUTES:-61} --hostile 40
sim:            ## Simulates for HOURS, by seeds from FIRST on (docs/simulation.md)
	RUANG_SIM_SECONDS=$$(awk "BEGIN { print $${HOURS:-1} * 3600 }") RUANG_SIM_FIRST=$${FIRST:-1} \
	cargo test --locked --profile sim --test sim -- simulated --nocapture
mutants:        ## Looks whether each small mistake in a script is found (docs/simulation.md)
	RUANG_MUTANTS=$${FIRST:-1} cargo test --locked --test sim mutants_of_the_scripts -- --nocapture
mutants-rust:   ## The same for the files FILES of the room, with cargo-mutants (docs/simulation.md)
	cargo mutants --profile mutants --baseline skip --timeout 300 \
	  $$(for file in $${FILES:-src/room/lease/failure_detector.rs}; do printf -- '--file %s ' "$$file"; done) -- --locked --lib --test sim --test model
page:           ## Runs the room and restarts it when a file of the page changes: sign in, open /chat#live (needs redis-server)
	@redis-server --bind 127.0.0.1 --port 16379 --save '' --loglevel warning & redis=$$!; \
	trap 'kill $$redis $$program 2>/dev/null' EXIT; trap 'exit 0' INT TERM; \
	while true; do \
	  before=$$(cat static/* templates/* | sha256sum); \
	  cargo run --locked -- --redis-url redis://127.0.0.1:16379 & program=$$!; \
	  while [ "$$(cat static/* templates/* | sha256sum)" = "$$before" ]; do sleep 0.5; done; \
	  kill $$program; wait $$program; \
	done
release:        ## Builds the program, its bill of materials, their checksums
	deploy/release
