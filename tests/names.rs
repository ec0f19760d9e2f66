//! Names: those of tests are at most 60 characters long, and no two public types share one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const LONGEST_TEST_NAME: usize = 60;

/// Type names that every module may use for its own.
const SHARED_TYPES: [&str; 2] = ["Options", "Error"];

/// Macros that define a test for each name in their braces.
const TEST_MACROS: [&str; 2] = ["on_both_engines! {", "through_each! {"];

#[test]
fn test_names_have_at_most_60_characters() {
    let rust = ["src", "tests", "benches", "fuzz/fuzz_targets"].into_iter().flat_map(|folder| files(folder, "rs"));
    let rust = rust.flat_map(|file| named(&file, rust_tests(&read(&file))));
    let page = files("tests/page", "js").into_iter().flat_map(|file| named(&file, page_tests(&read(&file))));
    let long = rust.chain(page).filter(|(_, name)| name.chars().count() > LONGEST_TEST_NAME);
    let long: Vec<String> = long.map(|(file, name)| format!("{file}: {name}")).collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn public_types_have_distinct_names() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let sources = files("src", "rs").into_iter().filter(|file| !is_test(file));
    for (file, name) in sources.flat_map(|file| named(&file, public_types(&read(&file)))) {
        places.entry(name).or_default().push(file);
    }
    places.retain(|name, files| files.len() > 1 && !SHARED_TYPES.contains(&name.as_str()));
    assert!(places.is_empty(), "{places:#?}");
}

#[test]
fn rust_tests_are_found_in_functions_and_macros() {
    let text = "#[test]\nfn one() {}\n#[tokio::test(flavor = \"multi_thread\")]\n#[ignore]\nasync fn two() {}\n\
                on_both_engines! {\n    Fixture::open =>\n    three,\n    four,\n}\nfn helper() {}";
    assert_eq!(rust_tests(text), ["one", "two", "three", "four"]);
}

#[test]
fn page_tests_are_found_in_every_quote() {
    assert_eq!(page_tests("test('one', () => {});\ntest(\"two's\", async () => {});\nlatest('x');"), ["one", "two's"]);
}

#[test]
fn public_types_are_found_outside_tests() {
    let text = "pub struct One;\npub(crate) struct Two;\n    pub enum Three<T> {}\npub type Four = u8;\n\
                #[cfg(test)]\nmod tests {\n    pub struct Five;\n}";
    assert_eq!(public_types(text), ["One", "Three", "Four"]);
}

/// Returns the names of test functions and of the cases of test macros.
fn rust_tests(text: &str) -> Vec<String> {
    let (mut names, mut is_test, mut in_macro) = (vec![], false, false);
    for line in text.lines().map(str::trim) {
        if in_macro {
            in_macro = line != "}";
            let cases = line.trim_end_matches("=>").split(',').map(str::trim);
            names.extend(cases.filter(|case| is_name(case)).map(str::to_owned));
        } else if TEST_MACROS.contains(&line) {
            in_macro = true;
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if is_test && let Some((_, rest)) = line.split_once("fn ") {
            names.extend(rest.split('(').next().map(str::to_owned));
            is_test = false;
        }
    }
    names
}

/// Returns the names of the tests of Node's runner.
fn page_tests(text: &str) -> Vec<String> {
    let calls = text.lines().filter_map(|line| line.trim_start().strip_prefix("test("));
    calls.filter_map(|call| call.get(1..)?.split(call.chars().next()?).next().map(str::to_owned)).collect()
}

/// Returns the names of types that a source file makes public.
fn public_types(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let items = code.lines().filter_map(|line| line.trim_start().strip_prefix("pub "));
    let types = items.filter_map(|item| {
        let (kind, rest) = item.split_once(' ')?;
        ["struct", "enum", "union", "trait", "type"].contains(&kind).then_some(rest)
    });
    types.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn is_test(file: &Path) -> bool {
    file.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests")
}

fn named(file: &Path, names: Vec<String>) -> impl Iterator<Item = (String, String)> + use<> {
    let file = file.display().to_string();
    names.into_iter().map(move |name| (file.clone(), name))
}

fn read(file: &Path) -> String {
    fs::read_to_string(root().join(file)).expect("a source file")
}

/// Returns the files below a folder with this extension, relative to the project.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (vec![], vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|kind| kind == extension) {
                found.push(entry.strip_prefix(root()).expect("a file of the project").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
