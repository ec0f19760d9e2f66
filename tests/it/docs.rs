//! Commands in the documents work as described: each block is run by a test or states why not.
//!
//! Each block of commands follows `<!-- tried by FILE -->` or `<!-- not tried: REASON -->`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::kit::{
    Cluster, Engine, HttpClient, SOON, Transcript, WsClient, eventually,
    operator::{TOKEN, token_file},
    process::{Process, free_port, scratch},
    schema,
    tokens::{AUDIENCE, SECRET, post, secret_file},
};

const BEGIN: &str = "```sh";

#[test]
fn every_block_of_commands_is_tried_or_says_why_not() {
    let mut wrong = Vec::new();
    for file in documents() {
        let text = fs::read_to_string(&file).expect("a document");
        let lines: Vec<&str> = text.lines().collect();
        for (i, _) in lines.iter().enumerate().filter(|(_, line)| **line == BEGIN) {
            let mark = i.checked_sub(1).map_or("", |above| lines[above]);
            if !is_mark(mark) {
                wrong.push(format!("{}:{}: {mark:?}", file.display(), i + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_internal_link_has_a_target() {
    let mut wrong = Vec::new();
    for file in documents() {
        let text = fs::read_to_string(&file).expect("a document");
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { file.clone() } else { file.with_file_name(path) };
            let exists = target.exists() && (anchor.is_empty() || anchors(&target).any(|found| found == anchor));
            if !exists {
                wrong.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn frames_in_the_protocol_match_its_schema() {
    let text = fs::read_to_string(root().join("docs/protocol.md")).expect("the protocol");
    let (mut section, mut tried) = ("", 0);
    for line in text.lines() {
        section = line.strip_prefix("### ").or(line.strip_prefix("## ")).unwrap_or(section);
        let frame = match (section, line.split_once(' ')) {
            ("Client to server", _) => line.strip_prefix("| `").map(|frame| ("client_frame", frame)),
            ("Server to client", _) => line.strip_prefix("| `").map(|frame| ("server_frame", frame)),
            ("A transcript", Some((">", frame))) => Some(("client_frame", frame)),
            ("A transcript", Some(("<", frame))) => Some(("server_frame", frame)),
            _ => None,
        };
        // Shortened frames, and those of several lines, are not JSON.
        let Some((definition, frame)) = frame.filter(|(_, frame)| frame.starts_with('{')) else { continue };
        let mut parsed = serde_json::Deserializer::from_str(frame).into_iter::<serde_json::Value>();
        let Some(Ok(frame)) = parsed.next() else { continue };
        if !frame.to_string().contains("\"…\"") {
            schema::validate(definition, &frame).expect("a frame as the schema has it");
            tried += 1;
        }
    }
    assert!(tried >= 20, "{tried}");
}

#[tokio::test]
async fn cargo_run_opens_a_room() {
    let commands = block("README.md", "cargo run");
    assert!(commands.contains(&"cargo run".to_owned()), "{commands:?}");
    let mut command = Command::new("cargo");
    command.args(["run", "--locked"]).current_dir(root()).env("RUANG_LISTEN", "127.0.0.1:0");
    // The variables that cargo sets for a test would rebuild dependencies that read them.
    for (name, _) in std::env::vars_os() {
        let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "OUT_DIR", "RUANG_COMMIT"];
        if prefixes.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let mut process = Process::spawn("cargo", &mut command);
    // It may have to be built first.
    let line = process.wait_for_line("ruang is open at ", SOON * 30).await;
    let base = line.split(" at ").nth(1).expect("an address");
    HttpClient::new(base).get("/").await.is(200);
}

#[tokio::test]
async fn redis_user_is_created_as_documented() {
    let commands = block("docs/redis.md", "users.acl");
    let [make, redis, ruang] = &commands[..] else { panic!("{commands:?}") };
    let (dir, port) = (scratch(), free_port());
    fs::write(dir.path().join("password"), "rahasia").expect("a file");
    std::os::unix::fs::symlink(root().join("deploy"), dir.path().join("deploy")).expect("a link");
    assert!(sh(dir.path(), make).status().expect("it runs").success());
    let mut redis =
        Process::spawn("redis-server", &mut sh(dir.path(), &format!("exec {redis} --port {port} --save ''")));
    redis.wait_for_line("Ready to accept connections", SOON).await;
    let ruang = ruang.replace(":6379", &format!(":{port}"));
    let mut ruang = Process::spawn("ruang", sh(dir.path(), &ruang).env("RUANG_LISTEN", "127.0.0.1:0"));
    let line = ruang.wait_for_line("ruang is open at ", SOON).await;
    let base = line.split(" at ").nth(1).expect("an address").to_owned();
    eventually(SOON, "it is ready", || async {
        let response = HttpClient::new(&base).try_get("/readyz").await.map_err(|error| error.to_string())?;
        if response.status == 200 { Ok(()) } else { Err(response.body) }
    })
    .await;
    WsClient::sign_in_and_join(&HttpClient::new(&base), "sari").await.send_acked("halo").await;
}

#[tokio::test]
async fn redis_backup_is_restored_as_documented_with_a_gap() {
    let commands = block("docs/redis.md", "--rdb");
    let [copy, restore] = &commands[..] else { panic!("{commands:?}") };
    let mut cluster = Cluster::builder(Engine::Redis).instances(1).start().await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_acked("sebelum").await;
    let port = cluster.redis().port();
    let data = cluster.redis().data_dir().to_owned();
    let made = sh(&data, &copy.replace("redis-cli", &format!("redis-cli -p {port}"))).output().expect("it runs");
    assert!(made.status.success(), "{made:?}");
    let lost = sari.send_acked("sesudah").await;

    cluster.redis().kill();
    std::os::unix::fs::symlink(root().join("deploy"), data.join("deploy")).expect("a link");
    let no_copy = sh(&data, &restore.replace("room.rdb", "appendonlydir/appendonly.aof.manifest")).output();
    assert!(!no_copy.expect("it runs").status.success() && data.join("appendonlydir").exists());
    assert!(sh(&data, restore).status().expect("it runs").success());
    cluster.redis().restart().await;

    let has_second_welcome = |transcript: &Transcript| transcript.welcomes.len() == 2;
    let transcript = sari.expect("a gap", has_second_welcome).await;
    assert_eq!(transcript.last_welcome()["recovered"], false);
    assert_eq!(transcript.texts(), ["sebelum"]);
    assert_ne!(sari.send_acked("lagi").await, lost);
}

#[tokio::test]
async fn operator_api_call_works_as_documented() {
    let commands = block("docs/operations.md", "/api/operator");
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let dir = scratch();
    fs::write(dir.path().join("operator-token"), format!("# ours\noperator:{TOKEN}\n")).expect("a file");
    let act = commands.join("\n").replace("http://localhost:8080", cluster.instances[0].base());
    let output = sh(dir.path(), &act).stdout(Stdio::piped()).output().expect("curl runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), r#"{"done":true}"#);
    sari.expect("the rule", |transcript| transcript.rules["slow_ms"] == 30_000).await;
    let export = block("docs/operations.md", "/api/operator/export").join("\n");
    let export = export.replace("http://localhost:8080", cluster.instances[0].base());
    assert!(sh(dir.path(), &export).status().expect("curl runs").success());
    let exported = fs::read_to_string(dir.path().join("export.jsonl")).expect("a file");
    assert!(exported.ends_with("{\"end\":true,\"messages\":0,\"acts\":1}\n"), "{exported}");
}

#[tokio::test]
async fn bot_speaks_as_documented() {
    let (make, say, dir) = (block("docs/bots.md", "openssl"), block("docs/bots.md", "curl"), scratch());
    let make = format!("{}; printf %s \"$token\"", make.join("; "));
    let made = sh(dir.path(), &make).stdout(Stdio::piped()).output().expect("it runs");
    assert!(made.status.success(), "{made:?}");
    let bots = dir.path().join("bots").display().to_string();
    let cluster = Cluster::builder(Engine::Memory).set("RUANG_BOTS_FILE", &bots).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut say = sh(dir.path(), &say.join("; "));
    say.env("token", String::from_utf8(made.stdout).expect("text")).env("number", "7").env("room", cluster.base(0));
    let output = say.stdout(Stdio::piped()).output().expect("curl runs");
    let transcript = sari.wait_for_text("CI", "Build 7 passed").await;
    let id = transcript.ids()[0];
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!(r#"{{"id":"{id}"}}"#));
}

#[tokio::test]
async fn token_is_made_as_documented() {
    let text = fs::read_to_string(root().join("docs/embedding.md")).expect("a document");
    let code = text.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of Python");
    let program = format!("{code}\nprint(token('Sari', '7', {AUDIENCE:?}, b{SECRET:?}))");
    let output = Command::new("python3").args(["-c", &program]).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let secret = secret_file();
    let cluster = Cluster::builder(Engine::Memory).with_tokens("token", &secret).start().await;
    let token = String::from_utf8(output.stdout).expect("text");
    post(&cluster.http_client(0), token.trim()).await.is(201);
}

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn documents() -> Vec<PathBuf> {
    let folders = ["", "docs", "docs/decisions", "docs/clients"].map(|folder| root().join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    files
        .map(|file| file.expect("a file").path())
        .filter(|file| file.extension().is_some_and(|it| it == "md"))
        .collect()
}

fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
}

/// Returns the anchors of a document's headings, as forges name them.
fn anchors(file: &Path) -> impl Iterator<Item = String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let headings: Vec<String> = text.lines().filter(|line| line.starts_with('#')).map(str::to_lowercase).collect();
    headings.into_iter().map(|heading| {
        let anchor =
            heading.trim_start_matches(['#', ' ']).chars().filter(|c| c.is_alphanumeric() || " -".contains(*c));
        anchor.collect::<String>().replace(' ', "-")
    })
}

fn is_mark(line: &str) -> bool {
    let Some(mark) = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->")) else { return false };
    match (mark.strip_prefix("tried by "), mark.strip_prefix("not tried: ")) {
        (Some(file), _) => root().join(file).exists(),
        (_, reason) => reason.is_some_and(|reason| reason.len() > 10),
    }
}

/// Returns the commands of the block that contains this text, without their comments.
fn block(file: &str, part: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(file)).expect("a document");
    let blocks = text.split(BEGIN).skip(1).filter_map(|rest| rest.split("```").next());
    let block = blocks
        .into_iter()
        .find(|block| block.contains(part))
        .unwrap_or_else(|| panic!("{file} has no block with {part}"));
    let commands = block.lines().map(|line| line.split("  #").next().unwrap_or_default().trim().to_owned());
    commands.filter(|command| !command.is_empty()).collect()
}

/// Returns a shell command with `ruang` on the path.
fn sh(dir: &Path, command: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_ruang")).parent().expect("a folder").display().to_string();
    let mut sh = Command::new("sh");
    sh.args(["-euc", command]).current_dir(dir).env_clear();
    sh.env("PATH", format!("{program}:/usr/local/bin:/usr/bin:/bin:/usr/sbin"));
    sh
}
