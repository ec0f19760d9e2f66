//! Imports go one way: a module names only those below it. rustc accepts circles silently; this does not.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The modules of the crate in layers, from the top; those of one layer do not know each other.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["app"],
    &["web", "socket"],
    &["room", "settings"],
    &["session"],
    &["backplane"],
    &["redis", "origin"],
    &["server", "telemetry", "protocol"],
    &["name", "address", "rate", "websocket"],
];

#[test]
fn every_module_has_a_layer() {
    let known: BTreeSet<&str> = LAYERS.iter().flat_map(|layer| layer.iter().copied()).collect();
    let modules: BTreeSet<String> = sources().iter().map(|file| module_of(file)).collect();
    assert_eq!(modules, known.into_iter().map(str::to_owned).collect());
}

#[test]
fn no_import_goes_up_or_sideways() {
    let mut wrong = vec![];
    for file in sources() {
        let (module, text) = (module_of(&file), fs::read_to_string(&file).expect("a source file"));
        for imported in imports(&text) {
            if imported != module && layer(&imported) <= layer(&module) {
                wrong.push(format!("{}: {module} names {imported}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_are_found_in_every_form() {
    let text = "use crate::room::Room;\nuse crate::{\n    backplane::{Hold, redis::Redis},\n    name,\n};\nlet a = crate::web::b();";
    assert_eq!(imports(text), ["backplane", "name", "room", "web"].map(str::to_owned).into());
}

fn layer(module: &str) -> usize {
    LAYERS.iter().position(|layer| layer.contains(&module)).unwrap_or_else(|| panic!("no layer has {module}"))
}

/// `src/room/hub.rs` belongs to `room`.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(root()).expect("a file under src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn sources() -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|kind| kind == "rs") && !entry.ends_with("lib.rs") {
                found.push(entry);
            }
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The top-level modules that a file names. Tests and comments may name what they like.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => found.extend(first_names(group)),
            None => found.extend(first_name(after)),
        }
    }
    found
}

/// The first name of each path in the rest of a braced group.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut path) = (1, vec![], String::new());
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(std::mem::take(&mut path)),
            _ if depth == 1 => path.push(character),
            _ => {}
        }
        if depth == 0 {
            names.push(path);
            break;
        }
    }
    names.iter().filter_map(|path| first_name(path.trim())).collect()
}

fn first_name(path: &str) -> Option<String> {
    let name: String = path.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}
