//! Visits every reachable state, the nearest first.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
};

use super::state::{Action, State};

/// The result of a search.
pub struct Found {
    /// Distinct states.
    pub states: usize,
    /// The shortest way to a broken promise, and which.
    pub violation: Option<Vec<String>>,
}

/// Visits all states from a first one. Two states count as one if their hashes of 64 bits are equal: of a million states that
/// happens to two with a probability of 1 to 30 million.
pub fn search(first: State, limit: usize) -> Found {
    let mut parents: HashMap<u64, Option<(u64, Action)>> = HashMap::from([(hash(&first), None)]);
    let mut waiting = VecDeque::from([first.clone()]);
    while let Some(state) = waiting.pop_front() {
        assert!(parents.len() <= limit, "more than {limit} states");
        for action in state.actions() {
            let mut next = state.clone();
            let acted = next.act(action);
            let key = hash(&next);
            let broken = match acted {
                Ok(()) if parents.contains_key(&key) => None,
                Ok(()) => next.check().err(),
                Err(promise) => Some(promise),
            };
            if let Some(promise) = broken {
                let mut trace = trace(&parents, hash(&state));
                trace.extend([format!("{action:?}"), format!("broken: {promise}")]);
                return Found { states: parents.len(), violation: Some(trace) };
            }
            if let Entry::Vacant(vacant) = parents.entry(key) {
                vacant.insert(Some((hash(&state), action)));
                waiting.push_back(next);
            }
        }
    }
    Found { states: parents.len(), violation: None }
}

fn trace(parents: &HashMap<u64, Option<(u64, Action)>>, mut key: u64) -> Vec<String> {
    let mut actions = vec![];
    while let Some((parent, action)) = parents[&key] {
        actions.push(format!("{action:?}"));
        key = parent;
    }
    actions.reverse();
    actions
}

fn hash(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}
