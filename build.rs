//! Sets the commit of the build, and embeds the page's files with a hash, compressed at the highest level.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

/// Served as one file, room.css, in this order.
const ROOM_STYLES: [&str; 4] = ["room.css", "conversation.css", "composer.css", "embed.css"];

/// A file's name and its bytes.
type NamedBytes = (String, Vec<u8>);

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=RUANG_COMMIT");
    let commit = env::var_os("RUANG_COMMIT")
        .and_then(|commit| commit.into_string().ok())
        .filter(|commit| !commit.is_empty())
        .or_else(from_git);
    println!("cargo::rustc-env=RUANG_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    embed("static", "templates")
}

/// Reads the commit from git; the build is repeated when another commit is checked out.
fn from_git() -> Option<String> {
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    // HEAD names a branch or a commit; its log grows with each change of either.
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

/// Writes the table that `src/web/assets.rs` includes: the files of a folder, and a hash over the names and bytes of them
/// and of the templates, which are part of a page's version as well.
fn embed(folder: &str, templates: &str) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={folder}");
    println!("cargo::rerun-if-changed={templates}");
    println!("cargo::rerun-if-changed=build.rs");
    let set = |name| env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("{name} is not set"));
    let (out, root) = (set("OUT_DIR")?, set("CARGO_MANIFEST_DIR")?);
    let (mut hash, mut files) = (Sha256::new(), String::new());
    for (name, plain) in sorted(&root.join(templates))? {
        mix(&mut hash, &name, &fs::read(plain)?);
    }
    for (name, bytes) in served(&root.join(folder))? {
        let plain = out.join(&name);
        fs::write(&plain, &bytes)?;
        mix(&mut hash, &name, &bytes);
        let (br, gz) = (out.join(format!("{name}.br")), out.join(format!("{name}.gz")));
        fs::write(&br, brotli(&bytes)?)?;
        fs::write(&gz, gzip(&bytes)?)?;
        writeln!(
            files,
            "Asset {{ name: {name:?}, plain: include_bytes!({plain:?}), br: include_bytes!({br:?}), \
             gzip: include_bytes!({gz:?}) }},"
        )?;
    }
    let mut short = String::new();
    for byte in hash.finalize().iter().take(8) {
        write!(short, "{byte:02x}")?;
    }
    let table = format!("const HASH: &str = {short:?};\nstatic FILES: &[Asset] = &[\n{files}];\n");
    Ok(fs::write(out.join("assets.rs"), table)?)
}

/// Returns the files as they are served, sorted by name; the room's style sheets as one.
fn served(folder: &Path) -> Result<Vec<NamedBytes>, Box<dyn Error>> {
    let (mut files, mut room) = (Vec::new(), Vec::new());
    for (name, path) in sorted(folder)? {
        let bytes = condensed(&name, fs::read(path)?)?;
        if ROOM_STYLES.contains(&name.as_str()) {
            room.push((name, bytes));
        } else {
            files.push((name, bytes));
        }
    }
    room.sort_by_key(|(name, _)| ROOM_STYLES.iter().position(|style| style == name));
    files.push(("room.css".to_owned(), room.into_iter().flat_map(|(_, bytes)| bytes).collect()));
    files.sort();
    Ok(files)
}

/// Leaves out comment lines and indentation of scripts and style sheets: they would make a fifteenth of a page's first load.
fn condensed(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let text = match String::from_utf8(bytes) {
        Ok(text) if name.ends_with(".js") || name.ends_with(".css") => text,
        Ok(text) => return Ok(text.into_bytes()),
        Err(binary) => return Ok(binary.into_bytes()),
    };
    let (mut kept, mut in_block) = (String::with_capacity(text.len()), false);
    for line in text.lines() {
        let code = line.trim();
        let begins = in_block || code.starts_with("/*");
        let ends = begins && code.ends_with("*/");
        let is_comment = begins || (name.ends_with(".js") && code.starts_with("//"));
        in_block = begins && !ends;
        if is_comment || code.is_empty() {
            continue;
        }
        if code.matches('`').count() % 2 == 1 {
            return Err(format!("{name}: a text of several lines would lose its indentation: {code}"));
        }
        kept.push_str(code);
        kept.push('\n');
    }
    Ok(kept.into_bytes())
}

/// Returns the files of a folder, sorted by name.
fn sorted(folder: &Path) -> Result<Vec<(String, PathBuf)>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| format!("not UTF-8: {}", name.display()))?;
        files.push((name, entry.path()));
    }
    files.sort();
    Ok(files)
}

/// Hashes lengths as well: two trees can have the same names and bytes in one row.
fn mix(hash: &mut Sha256, name: &str, bytes: &[u8]) {
    for part in [name.as_bytes(), bytes] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
}

fn brotli(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 11, size_hint: bytes.len(), ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut packed, &params)?;
    Ok(packed)
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
