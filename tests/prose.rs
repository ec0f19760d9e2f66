//! Sentences state the mechanism. A count of phrases that rarely do: relative clauses without a head at the start of a sentence,
//! and "somebody" where a role exists. Some of them are good English, so the test bounds their number.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines with such a phrase must be fewer.
const ODD_LINES: usize = 40;

/// Odd wherever they stand.
const PHRASES: [&str; 11] =
    ["Whoever", "whoever", "Lest", "lest", "is to be", "be it", "goes by", "Answers", "nobody", "somebody", "anybody"];

/// Odd at the start of a sentence, before a word in lower case.
const OPENINGS: [&str; 6] = ["Who ", "What ", "Whose ", "Nobody ", "Somebody ", "Anybody "];

/// The ends of text before a sentence, besides the start of a line.
const STARTS: [&str; 7] = [". ", "; ", ": ", "// ", "/// ", "//! ", "-- "];

#[test]
fn odd_phrases_are_in_fewer_than_40_lines() {
    let mut odd = vec![];
    for file in ["src", "static", "templates", "docs", "deploy", "benches", "tests"]
        .into_iter()
        .flat_map(files_below)
        .chain(pages())
    {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        odd.extend(text.lines().filter(|line| is_odd(line)).map(|line| format!("{}: {}", file.display(), line.trim())));
    }
    assert!(odd.len() < ODD_LINES, "{} lines:\n{}", odd.len(), odd.join("\n"));
}

#[test]
fn odd_phrases_are_found_as_whole_words() {
    for odd in [
        "whoever comes",
        "it is to be sent",
        "/// What is sent.",
        "It ends. Who comes is seen",
        "a room with nobody",
        "What is it",
    ] {
        assert!(is_odd(odd), "{odd}");
    }
    for good in
        ["the latest", "this be item", "/// Sends what is due.", "What's new", "See What is it", "Nobody's", "harvest"]
    {
        assert!(!is_odd(good), "{good}");
    }
}

fn is_odd(line: &str) -> bool {
    PHRASES.iter().any(|phrase| contains_words(line, phrase))
        || OPENINGS.iter().any(|opening| is_opened_by(line, opening))
}

fn contains_words(line: &str, phrase: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(phrase)
        .any(|(at, _)| !line[..at].ends_with(is_word) && !line[at + phrase.len()..].starts_with(is_word))
}

fn is_opened_by(line: &str, opening: &str) -> bool {
    line.match_indices(opening).any(|(at, _)| {
        let before = &line[..at];
        let starts = before.is_empty() || STARTS.iter().any(|start| before.ends_with(start));
        starts && line[at + opening.len()..].starts_with(|c: char| c.is_ascii_lowercase())
    })
}

/// Returns the pages of text at the top of the project.
fn pages() -> Vec<PathBuf> {
    let files =
        fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("the project").map(|entry| entry.expect("an entry").path());
    files.filter(|file| file.extension().is_some_and(|kind| kind == "md")).collect()
}

fn files_below(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (vec![], vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() { folders.push(entry) } else { found.push(entry) }
        }
    }
    found
}
