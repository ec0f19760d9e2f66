//! Imports point downward: a module names only modules of layers below its own. rustc accepts import cycles; this test does
//! not. The layers are those of the table in `src/lib.rs`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

#[test]
fn every_module_has_one_layer() {
    let listed: Vec<String> = layers().concat();
    let modules: BTreeSet<String> = sources().iter().map(|file| module_of(file)).collect();
    assert_eq!(modules, listed.iter().cloned().collect());
    assert_eq!(modules.len(), listed.len(), "a module is listed twice: {listed:?}");
}

#[test]
fn no_import_goes_up_or_sideways() {
    let layers = layers();
    let layer = |module: &str| layers.iter().position(|layer| layer.iter().any(|listed| listed == module));
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
fn architecture_lists_the_modules_in_the_order_of_the_layers() {
    let manual = include_str!("../docs/architecture.md");
    let table = manual.split("\n| module |").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a table");
    let listed: Vec<String> = table.lines().skip(2).flat_map(modules_in_row).collect();
    assert_eq!(listed, layers().concat());
}

#[test]
fn imports_are_found_in_every_form() {
    let text = "use crate::room::Room;\nuse crate::{\n    backplane::{Hold, redis::Redis},\n    name,\n};\nlet a = crate::web::b();";
    assert_eq!(imports(text), ["backplane", "name", "room", "web"].map(str::to_owned).into());
}

/// Returns the layers from the top, each with its modules. The binary's file is a separate module.
fn layers() -> Vec<Vec<String>> {
    let map = include_str!("../src/lib.rs");
    map.lines().filter_map(|line| line.strip_prefix("//! | ")).skip(1).map(modules_in_row).collect()
}

/// Returns the names in backticks in a row's first cell.
fn modules_in_row(row: &str) -> Vec<String> {
    let cell = row.trim_start_matches("| ").split(" | ").next().unwrap_or_default();
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
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

/// Returns the top-level modules that a file names, except in tests and comments.
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

/// Returns the first name of each path in the rest of a braced group.
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
