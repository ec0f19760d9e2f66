//! What the operator has done, as far as it lasts: what is set, and what was deleted.
//!
//! Plain and synchronous.

use std::collections::BTreeSet;

use crate::protocol::{Id, Rules};

/// Most deletions that a client is told of which happened while it was away.
const TOLD_AT_MOST: usize = 500;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct ModerationState {
    /// What is set.
    pub rules: Rules,
    removed: BTreeSet<Id>,
}

/// What is new to who knew the state before.
#[derive(Debug, PartialEq, Eq)]
pub struct ModerationChange {
    /// Whether something else is set.
    pub rules: bool,
    /// Messages that were deleted.
    pub removed: Vec<Id>,
}

impl ModerationState {
    /// Takes one act.
    pub fn apply(&mut self, rules: Rules, removed: Vec<Id>) -> ModerationChange {
        let removed = removed.into_iter().filter(|id| self.removed.insert(*id)).collect();
        ModerationChange { rules: self.set(rules), removed }
    }

    /// Takes the whole state.
    pub fn adopt(&mut self, rules: Rules, removed: &[Id]) -> ModerationChange {
        let before = std::mem::replace(&mut self.removed, removed.iter().copied().collect());
        let removed = removed.iter().copied().filter(|id| !before.contains(id)).collect();
        ModerationChange { rules: self.set(rules), removed }
    }

    /// The newest deletions up to a position, oldest first.
    pub fn up_to(&self, id: Id) -> Vec<Id> {
        let mut ids: Vec<Id> = self.removed.range(..=id).rev().take(TOLD_AT_MOST).copied().collect();
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
    fn each_act_is_news_once() {
        let mut moderation = ModerationState::default();
        assert_eq!(moderation.apply(Rules::default(), ids([3])), ModerationChange { rules: false, removed: ids([3]) });
        assert_eq!(moderation.apply(slow(), ids([3, 4])), ModerationChange { rules: true, removed: ids([4]) });
        assert_eq!(moderation.apply(slow(), vec![]), ModerationChange { rules: false, removed: vec![] });
        assert_eq!(moderation.rules, slow());
    }

    #[test]
    fn the_whole_state_replaces_what_was_known() {
        let mut moderation = ModerationState::default();
        moderation.apply(slow(), ids([1, 3]));
        assert_eq!(
            moderation.adopt(Rules::default(), &ids([3, 4])),
            ModerationChange { rules: true, removed: ids([4]) }
        );
        assert_eq!(moderation.up_to(Id::new(9, 9)), ids([3, 4]), "what is no longer kept is forgotten");
    }

    #[test]
    fn who_comes_back_is_told_of_the_newest_deletions_up_to_where_they_were() {
        let mut moderation = ModerationState::default();
        moderation.apply(Rules::default(), ids(1..=600));
        assert_eq!(moderation.up_to(Id::new(7, 550)), ids(51..=550));
        assert_eq!(moderation.up_to(Id::new(6, 9)), []);
    }
}
