//! The manual and the compose file have every setting.

use super::{load, program::ruang};

/// A row of docs/settings.md.
struct Row {
    name: &'static str,
    /// Its type and range.
    range: &'static str,
    default: &'static str,
}

fn documented() -> Vec<Row> {
    let rows = include_str!("../../docs/settings.md").lines().filter_map(|line| line.strip_prefix("| `"));
    let rows = rows.map(|row| {
        let (name, rest) = row.split_once('`').expect("a name");
        let cells: Vec<&str> = rest.split(" | ").collect();
        assert_eq!(cells.len(), 5, "{name}: name, type and range, default, scope, description");
        Row { name, range: cells[1], default: cells[2] }
    });
    rows.collect()
}

/// Returns whether a type is a count or a duration, with its bounds: "count, 1 to 10,000", "duration, 2 s to 10 min".
fn bounds(range: &str) -> Option<(&str, u64, u64)> {
    let (kind, bounds) = range.split_once(", ").filter(|(kind, _)| ["count", "duration"].contains(kind))?;
    let (least, most) = bounds.split_once(" to ")?;
    let number = |text: &str| {
        let end = text.find([';', ',']).filter(|_| kind == "duration").or_else(|| text.find("; ").or(text.find(", ")));
        let text = text[..end.unwrap_or(text.len())].replace([' ', ','], "");
        let seconds = || humantime::parse_duration(&text).ok().map(|duration| duration.as_secs());
        text.parse().ok().or_else(seconds).unwrap_or_else(|| panic!("{range}: {text}"))
    };
    Some((kind, number(least), number(most)))
}

#[test]
fn settings_page_has_every_setting_with_its_default() {
    let help = String::from_utf8(ruang(&["--help"], &[]).stdout).expect("text");
    let names: Vec<&str> = load(&[], &[]).expect("the defaults").effective.iter().map(|setting| setting.name).collect();
    let rows = documented();
    for name in &names {
        assert!(rows.iter().any(|row| row.name == *name), "docs/settings.md lacks {name}");
    }
    for Row { name, default, .. } in rows {
        let line = help.lines().find(|line| line.contains(&format!("[env: {name}]")));
        let line = line.unwrap_or_else(|| panic!("docs/settings.md has {name}, which is no setting"));
        let given = line.split_once("[default: ").and_then(|(_, rest)| rest.strip_suffix(']'));
        let written = default.strip_prefix('`').and_then(|rest| rest.split('`').next());
        assert_eq!(written, given, "{name}: the default in docs/settings.md, and the program's");
    }
}

#[test]
fn settings_page_has_the_ranges_that_the_program_accepts() {
    let mut tried = 0;
    for Row { name, range, .. } in documented() {
        let Some((kind, least, most)) = bounds(range) else { continue };
        let below = least.checked_sub(1).map(|below| (below, false));
        for (number, is_valid) in [(least, true), (most, true), (most + 1, false)].into_iter().chain(below) {
            let value = if kind == "count" { number.to_string() } else { format!("{number}s") };
            // A value in range may still contradict another setting.
            let accepted = ["expected a whole number from", "expected a duration like"];
            let refusal = load(&[], &[(name, &value)]).err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(!accepted.iter().any(|words| refusal.contains(words)), is_valid, "{name} {value}: {refusal}");
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn compose_file_passes_every_setting() {
    let compose = include_str!("../../docker-compose.yml");
    // The image sets the listen address; files must be mounted first.
    let is_excluded = |name: &str| name.ends_with("_FILE") || ["RUANG_CONFIG", "RUANG_LISTEN"].contains(&name);
    for setting in load(&[], &[]).expect("the defaults").effective {
        let is_passed = compose.contains(&format!("\n      {}:", setting.name));
        assert!(is_passed != is_excluded(setting.name), "{}", setting.name);
    }
}

#[test]
fn quick_start_settings_pass_the_check() {
    let manual = include_str!("../../docs/quick-start.md");
    let line = manual.lines().find_map(|line| line.strip_suffix(" ruang check")).expect("a command");
    let env: Vec<(&str, &str)> = line.split(' ').filter_map(|set| set.split_once('=')).collect();
    let output = ruang(&["check"], &env);
    assert!(output.status.success() && env.len() == 2, "{output:?}");
}
