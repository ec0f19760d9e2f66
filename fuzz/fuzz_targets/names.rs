//! A name that is taken is taken again as shown, under the same key; and nothing invisible is in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ruang::name::Name;

fuzz_target!(|typed: &str| {
    let Ok(name) = Name::parse(typed) else { return };
    let again = Name::parse(name.shown()).expect("what is shown can be typed");
    assert_eq!((again.shown(), again.who()), (name.shown(), name.who()));
    assert!(!name.who().is_empty() && !name.who().chars().any(char::is_control), "{:?}", name.who());
    assert_eq!(name.shown().trim(), name.shown());
    assert!(!name.shown().chars().any(char::is_control));
});
