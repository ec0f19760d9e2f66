//! The example clients of the documentation, in a live room.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Mutex,
};

use crate::kit::{
    Cluster, Engine, SOON, WsClient,
    bots::{TOKEN, bots_file},
    process::Process,
    tls_front::{Bases, TlsFront},
};

/// Returns the command of an example client for this room.
fn command(cluster: &Cluster, program: &[&str], file: &str, arguments: &[&str]) -> Command {
    let file = format!("{}/docs/clients/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(file).arg(cluster.base(0)).args(arguments);
    command
}

/// Runs a client that stays connected: its message arrives, and it prints those of others.
async fn sends_and_receives(program: &[&str], file: &str) {
    let cluster = Cluster::builder(Engine::Memory).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut process = Process::spawn(file, &mut command(&cluster, program, file, &["budi", "halo", "semua 🙂"]));
    sari.wait_for_text("budi", "halo semua 🙂").await;
    let text = format!("selamat datang {}", "é".repeat(200));
    sari.send_text(&text).await;
    process.wait_for_line(&format!("sari: {text}"), SOON).await;
    drop(process);
    let mut second = command(&cluster, program, file, &["sari"]);
    let output = tokio::task::spawn_blocking(move || second.output().expect("it runs")).await.expect("it ends");
    assert!(!output.status.success(), "the name is in use");
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot sign in: 409"), "{output:?}");
}

#[tokio::test]
async fn python_client_sends_and_receives() {
    sends_and_receives(&["python3"], "client.py").await;
}

#[tokio::test]
async fn javascript_client_sends_and_receives() {
    sends_and_receives(&["node"], "client.mjs").await;
}

#[tokio::test]
async fn shell_client_prints_history_and_members() {
    let cluster = Cluster::builder(Engine::Memory).start().await;
    let mut sari: WsClient = cluster.join(0, "sari").await;
    sari.send_acked("halo dari sini").await;
    let mut shell = command(&cluster, &["bash"], "client.sh", &["budi"]);
    let output = tokio::task::spawn_blocking(move || shell.output().expect("it runs")).await.expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "sari: halo dari sini\nhere: sari (1)\n");
}

/// Runs a client as the program `CI`: it needs no sign-in, and its name is the token's.
async fn speaks_as_a_bot(program: &[&str], file: &str) {
    let bots = bots_file();
    let cluster = Cluster::builder(Engine::Memory).with_bots(&bots).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut command = command(&cluster, program, file, &["-", "selesai"]);
    let mut process = Process::spawn(file, command.env("RUANG_TOKEN", TOKEN));
    let transcript = sari.wait_for_text("CI", "selesai").await;
    assert_eq!(transcript.frames.last().map(|frame| &frame["bot"]), Some(&serde_json::Value::Bool(true)));
    sari.send_text("terima kasih").await;
    process.wait_for_line("sari: terima kasih", SOON).await;
}

#[tokio::test]
async fn python_client_speaks_as_a_bot() {
    speaks_as_a_bot(&["python3"], "client.py").await;
}

#[tokio::test]
async fn javascript_client_speaks_as_a_bot() {
    speaks_as_a_bot(&["node"], "client.mjs").await;
}

#[tokio::test]
async fn shell_client_sends_a_line_as_a_bot() {
    let bots = bots_file();
    let cluster = Cluster::builder(Engine::Memory).with_bots(&bots).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut shell = command(&cluster, &["bash"], "client.sh", &["selesai & \"rapi\""]);
    let output = shell.env("RUANG_TOKEN", TOKEN).output().expect("it runs");
    let transcript = sari.wait_for_text("CI", "selesai & \"rapi\"").await;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), transcript.ids()[0]);
}

#[tokio::test]
async fn shell_client_sends_lines_and_follows_the_room() {
    let bots = bots_file();
    let cluster = Cluster::builder(Engine::Memory).with_bots(&bots).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut follow = command(&cluster, &["bash"], "client.sh", &["-"]);
    let mut follower = Process::spawn("follower", follow.env("RUANG_TOKEN", TOKEN).env("RUANG_FOLLOW", "1"));
    cluster.instances[0].wait_for_log("route=\"/api/messages\" status=200", SOON).await;
    let mut lines = command(&cluster, &["bash"], "client.sh", &["-"]);
    lines.env("RUANG_TOKEN", TOKEN).env("RUANG_AS", "Siaran").stdin(Stdio::piped());
    let mut sender = Process::start("sender", &mut lines);
    let mut input = sender.take_input();
    writeln!(input, "satu").and_then(|()| writeln!(input, "dua")).expect("it reads");
    drop(input);
    let transcript = sari.wait_for_text("CI", "dua").await;
    assert_eq!(transcript.texts(), ["satu", "dua"]);
    assert_eq!(transcript.frames.last().map(|frame| &frame["as"]), Some(&serde_json::json!("Siaran")));
    assert!(sender.wait_for_exit(SOON).await.success());
    for line in ["CI: satu", "CI: dua"] {
        follower.wait_for_line(line, SOON).await;
    }
    sari.send_acked("sampai jumpa").await;
    follower.wait_for_line("sari: sampai jumpa", SOON).await;
    assert_eq!(follower.stdout().len(), 3, "each once");
    let mut empty = command(&cluster, &["bash"], "client.sh", &["\u{200b}"]);
    let refused = empty.env("RUANG_TOKEN", TOKEN).output().expect("it runs");
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
}

/// The complete clients: what runs them, and their file.
const PYTHON: [&str; 2] = ["python3", "complete.py"];
const NODE: [&str; 2] = ["node", "complete.mjs"];

#[tokio::test]
async fn complete_clients_speak_as_bots_with_a_second_name() {
    for client in [PYTHON, NODE] {
        complete_client_speaks_as_a_bot(client).await;
    }
}

async fn complete_client_speaks_as_a_bot([program, file]: [&str; 2]) {
    let bots = bots_file();
    let cluster = Cluster::builder(Engine::Memory).with_bots(&bots).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut command = command(&cluster, &[program], file, &["program", "--as", "Siaran"]);
    let mut process = Process::start(file, command.env("RUANG_TOKEN", TOKEN).stdin(Stdio::piped()));
    let mut input = process.take_input();
    writeln!(input, "dari program").expect("it reads");
    let transcript = sari.wait_for_text("CI", "dari program").await;
    assert_eq!(transcript.frames.last().map(|frame| &frame["as"]), Some(&serde_json::json!("Siaran")));
    drop(input);
    assert!(process.wait_for_exit(SOON).await.success());
    sari.expect("a leave", |transcript| transcript.has_left("CI")).await;
}

#[test]
fn python_client_has_at_most_40_lines() {
    assert!(include_str!("../../docs/clients/client.py").lines().count() <= 40);
}

/// The complete client behind a TLS front, with pipes.
struct CompleteClient {
    process: Process,
    input: std::process::ChildStdin,
}

impl CompleteClient {
    fn start(front: &TlsFront, [program, file]: [&str; 2], name: &str) -> Self {
        let mut command = Command::new(program);
        command.arg(format!("{}/docs/clients/{file}", env!("CARGO_MANIFEST_DIR"))).args([&front.url(), name]);
        command.args(["--ping", "1", "--answer", "2"]).env("SSL_CERT_FILE", front.ca_file());
        command.env("NODE_EXTRA_CA_CERTS", front.ca_file()).stdin(Stdio::piped());
        let mut process = Process::start(file, &mut command);
        let input = process.take_input();
        Self { process, input }
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("it reads");
    }
}

#[tokio::test]
async fn python_client_sends_once_through_kills_and_cuts() {
    complete_client_sends_once_through_kills_and_cuts(PYTHON).await;
}

#[tokio::test]
async fn javascript_client_sends_once_through_kills_and_cuts() {
    complete_client_sends_once_through_kills_and_cuts(NODE).await;
}

#[tokio::test]
async fn python_client_prints_a_gap_and_follows_a_drain() {
    complete_client_prints_a_gap_and_follows_a_drain(PYTHON).await;
}

#[tokio::test]
async fn javascript_client_prints_a_gap_and_follows_a_drain() {
    complete_client_prints_a_gap_and_follows_a_drain(NODE).await;
}

async fn complete_client_sends_once_through_kills_and_cuts(client: [&str; 2]) {
    let mut cluster = Cluster::builder(Engine::Redis).instances(2).start().await;
    let bases = Bases::new(Mutex::new(vec![cluster.base(0).to_owned()]));
    let front = TlsFront::start(Bases::clone(&bases)).await;
    let mut sari = cluster.join(1, "sari").await;
    let mut client = CompleteClient::start(&front, client, "budi");
    client.type_line("satu");
    sari.wait_for_text("budi", "satu").await;

    *bases.lock().unwrap() = vec![cluster.base(1).to_owned()];
    cluster.instances[0].kill();
    client.type_line("dua");
    sari.wait_for_text("budi", "dua").await;

    front.set_open(false);
    client.type_line("tiga");
    let missed = sari.send_text("selama terputus").await;
    sari.expect("the ack", |transcript| transcript.acked(&missed).is_some()).await;
    front.set_open(true);
    client.process.wait_for_line("sari: selama terputus", SOON).await;
    let transcript = sari.wait_for_text("budi", "tiga").await;
    assert_eq!(transcript.texts(), ["satu", "dua", "selama terputus", "tiga"]);
    assert_eq!(transcript.changes_of("budi"), ["joined"], "neither a kill nor a cut is a leave");

    // The end of its input: it signs out.
    drop(client.input);
    assert!(client.process.wait_for_exit(SOON).await.success());
    sari.expect("a leave", |transcript| transcript.has_left("budi")).await;
    let printed = client.process.stdout();
    let messages: Vec<_> = printed.iter().filter(|line| !line.starts_with("-- ")).collect();
    assert_eq!(messages, ["budi: satu", "budi: dua", "sari: selama terputus", "budi: tiga"]);
}

async fn complete_client_prints_a_gap_and_follows_a_drain(client: [&str; 2]) {
    let settings = Cluster::builder(Engine::Redis).instances(2).set("RUANG_MESSAGES_PER_SECOND", "0");
    let cluster = settings.start().await;
    let bases = Bases::new(Mutex::new(vec![cluster.base(0).to_owned()]));
    let front = TlsFront::start(Bases::clone(&bases)).await;
    let mut sari = cluster.join(1, "sari").await;
    let mut client = CompleteClient::start(&front, client, "budi");
    client.process.wait_for_line("-- here: budi, sari", SOON).await;

    front.set_open(false);
    for number in 0..510 {
        sari.send_text(&number.to_string()).await;
    }
    sari.expect("the acks", |transcript| transcript.acks.len() == 510).await;
    front.set_open(true);
    client.process.wait_for_line("messages before this line are missing", SOON).await;
    client.process.wait_for_line("sari: 509", SOON).await;

    *bases.lock().unwrap() = vec![cluster.base(1).to_owned()];
    cluster.instances[0].terminate();
    client.process.wait_for_line("-- the connection ended (1012)", SOON).await;
    client.type_line("pindah");
    sari.wait_for_text("budi", "pindah").await;
}

#[test]
fn complete_client_has_at_most_200_lines() {
    assert!(include_str!("../../docs/clients/complete.py").lines().count() <= 200);
}
