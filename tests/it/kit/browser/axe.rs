//! axe: the machine's part of checking a page against WCAG.

use std::fs;

use serde_json::Value;

use super::Browser;

/// Installed by tests/run.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/node_modules/axe-core/axe.min.js");
/// Waits for animations: an element that fades in has its contrast only afterwards.
const RUN: &str = "const done = arguments[0]; const ends = a => a.effect.getComputedTiming().endTime !== Infinity; \
    Promise.allSettled(document.getAnimations().filter(ends).map(a => a.finished)) \
    .then(() => axe.run(document)).then(({ violations }) => done(violations.map(({ id, nodes }) => `${id}: ${nodes.map(n => n.target + ' ' + n.failureSummary).join('; ')}`)))";

impl Browser {
    /// Fails where the page as it stands violates a rule; `state` is what a failure calls it.
    pub async fn is_accessible(&self, state: &str) {
        let axe = fs::read_to_string(AXE).expect("axe: tests/run installs what is needed");
        self.script(&axe, vec![]).await;
        let violations = self.page.execute_async(RUN, vec![]).await.expect("axe runs");
        assert_eq!(violations, Value::Array(vec![]), "{state}");
    }
}
