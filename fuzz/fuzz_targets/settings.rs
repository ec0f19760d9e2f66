//! Any settings are either loaded or refused with one line.
//!
//! A line is a flag (`--name=value`) or a variable (`NAME=value`). Settings that name files are left out.
#![no_main]

use std::ffi::OsString;

use libfuzzer_sys::fuzz_target;
use ruang::settings::Settings;

fuzz_target!(|input: &str| {
    let names_a_file = |line: &&str| {
        let line = line.to_ascii_lowercase();
        line.contains("file") || line.contains("config")
    };
    let lines: Vec<&str> = input.lines().filter(|line| !names_a_file(line)).collect();
    let args = lines.iter().filter(|line| line.starts_with('-')).map(OsString::from);
    let env = |name: &str| {
        lines
            .iter()
            .find_map(|line| line.split_once('=').filter(|(known, _)| *known == name))
            .map(|(_, value)| value.to_owned())
    };
    match Settings::load(std::iter::once(OsString::from("ruang")).chain(args), &env, 20_000) {
        Ok(loaded) => {
            let settings = loaded.settings;
            assert!(settings.max_connections > 0 && settings.history >= 100);
            assert!(!settings.lease.is_zero() && !settings.session_max.is_zero());
        }
        Err(output) if output.exit_code() == 0 => {}
        Err(error) => {
            let line = error.to_string();
            assert!(!line.is_empty() && !line.contains(['\n', '\r', '\u{1b}']), "{line:?}");
        }
    }
});
