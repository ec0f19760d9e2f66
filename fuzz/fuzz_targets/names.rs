//! An accepted name is accepted again as shown, with the same key, and has no invisible characters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ruang::name::Name;

fuzz_target!(|typed: &str| {
    let Ok(name) = Name::parse(typed) else { return };
    let again = Name::parse(name.shown()).expect("a shown name is valid");
    assert_eq!((again.shown(), again.who()), (name.shown(), name.who()));
    assert!(!name.who().is_empty() && !name.who().chars().any(char::is_control), "{:?}", name.who());
    assert_eq!(name.shown().trim(), name.shown());
    assert!(!name.shown().chars().any(char::is_control));
});
