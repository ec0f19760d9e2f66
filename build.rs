//! Tells the program which commit it is built from.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-env-changed=RUANG_COMMIT");
    let commit = env::var_os("RUANG_COMMIT")
        .and_then(|commit| commit.into_string().ok())
        .filter(|commit| !commit.is_empty())
        .or_else(from_git);
    println!("cargo::rustc-env=RUANG_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

/// Asks git, and has the build repeated when another commit is checked out.
fn from_git() -> Option<String> {
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    // HEAD names a branch or a commit; its log grows with whatever it comes to name.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    Some(commit)
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
