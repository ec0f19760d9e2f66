//! The lasting effect of moderation: the rules in force, and the deleted messages. Plain and synchronous.

use std::collections::BTreeSet;

use crate::protocol::{Id, Rules};

/// Most deletions sent to a client that resumes.
const REMOVED_AT_MOST: usize = 500;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct ModerationState {
    /// The rules in force.
    pub rules: Rules,
    removed: BTreeSet<Id>,
}

/// The difference between two states.
#[derive(Debug, PartialEq, Eq)]
pub struct ModerationChange {
    /// Whether the rules changed.
    pub rules: bool,
    /// Messages deleted since.
    pub removed: Vec<Id>,
}

impl ModerationState {
    /// Applies one action.
    pub fn apply(&mut self, rules: Rules, removed: Vec<Id>) -> ModerationChange {
        let removed = removed.into_iter().filter(|id| self.removed.insert(*id)).collect();
        ModerationChange { rules: self.set(rules), removed }
    }

    /// Replaces the whole state.
    pub fn adopt(&mut self, rules: Rules, removed: &[Id]) -> ModerationChange {
        let before = std::mem::replace(&mut self.removed, removed.iter().copied().collect());
        let removed = removed.iter().copied().filter(|id| !before.contains(id)).collect();
        ModerationChange { rules: self.set(rules), removed }
    }

    /// The newest deletions at or before a position, oldest first.
    pub fn removed_up_to(&self, id: Id) -> Vec<Id> {
        let mut ids: Vec<Id> = self.removed.range(..=id).rev().take(REMOVED_AT_MOST).copied().collect();
        ids.reverse();
        ids
    }

    fn set(&mut self, rules: Rules) -> bool {
        std::mem::replace(&mut self.rules, rules.clone()) != rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<Id> {
        numbers.into_iter().map(|n| Id::new(7, n)).collect()
    }

    fn slow() -> Rules {
        Rules { slow_ms: 1000, notice: None }
    }

    #[test]
    fn each_action_is_a_change_once() {
        let mut moderation = ModerationState::default();
        assert_eq!(moderation.apply(Rules::default(), ids([3])), ModerationChange { rules: false, removed: ids([3]) });
        assert_eq!(moderation.apply(slow(), ids([3, 4])), ModerationChange { rules: true, removed: ids([4]) });
        assert_eq!(moderation.apply(slow(), vec![]), ModerationChange { rules: false, removed: vec![] });
        assert_eq!(moderation.rules, slow());
    }

    #[test]
    fn adopted_state_replaces_the_known_one() {
        let mut moderation = ModerationState::default();
        moderation.apply(slow(), ids([1, 3]));
        assert_eq!(
            moderation.adopt(Rules::default(), &ids([3, 4])),
            ModerationChange { rules: true, removed: ids([4]) }
        );
        assert_eq!(moderation.removed_up_to(Id::new(9, 9)), ids([3, 4]), "ids that left the log are forgotten");
    }

    #[test]
    fn deletions_up_to_a_position_are_its_newest_500() {
        let mut moderation = ModerationState::default();
        moderation.apply(Rules::default(), ids(1..=600));
        assert_eq!(moderation.removed_up_to(Id::new(7, 550)), ids(51..=550));
        assert_eq!(moderation.removed_up_to(Id::new(6, 9)), []);
    }
}
