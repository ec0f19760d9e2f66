//! The example clients of the documentation, in a live room.

use std::process::Command;

use crate::kit::{Cluster, Engine, SOON, WsClient, process::Process};

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

#[test]
fn python_client_has_at_most_40_lines() {
    assert!(include_str!("../../docs/clients/client.py").lines().count() <= 40);
}
