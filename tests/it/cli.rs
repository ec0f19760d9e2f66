//! The program's interface to operators and systemd: socket activation, first log lines, exit codes, `check`.

use std::{
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    process::{Command, Stdio},
    time::Duration,
};

use crate::kit::{
    Cluster, Engine, HttpClient, Instance, Redis, SOON,
    operator::{TOKEN, token_file},
    process::{Process, scratch},
    redis::command,
};

/// Passes standard input as systemd passes a socket: as descriptor 3 of the same process.
const SOCKET_ACTIVATION: &str = r#"exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0""#;

#[tokio::test]
async fn systemd_socket_is_served_and_its_state_is_notified() {
    let dir = scratch();
    let notify_path = dir.path().join("notify");
    let notifications = UnixDatagram::bind(&notify_path).expect("a socket");
    notifications.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    // A request sent before the program runs waits in the socket and is answered.
    let early = tokio::spawn({
        let http_client = HttpClient::new(&base);
        async move { http_client.get("/").await.status }
    });
    let mut command = Command::new("bash");
    command.env_clear().args(["-c", SOCKET_ACTIVATION, env!("CARGO_BIN_EXE_ruang")]);
    command.env("NOTIFY_SOCKET", &notify_path).env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    let mut process = Process::start("ruang", &mut command);
    let line = process.wait_for_line("ruang is open at ", SOON).await;
    assert!(line.ends_with(&base), "{line}");
    assert_eq!(receive(&notifications), "READY=1");
    assert_eq!(early.await.expect("an answer"), 200);
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(receive(&notifications), "STOPPING=1");
    assert!(process.wait_for_exit(SOON).await.success());
}

#[tokio::test]
async fn first_log_line_lists_settings_with_sources_without_secrets() {
    let token = token_file();
    let builder = Cluster::builder(Engine::Redis).set("RUANG_LEASE", "7s");
    let cluster = builder.with_operator(&token).start().await;
    let log = cluster.instances[0].log();
    let first = log.lines().next().expect("a line");
    for part in
        ["starting", "RUANG_LEASE=\"7s\" (environment)", "REDIS_URL=redis://127.0.0.1", env!("CARGO_PKG_VERSION")]
    {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(!first.contains("RUANG_NAME_HOLD") && !log.contains(TOKEN), "{log}");
}

#[tokio::test]
async fn used_listen_address_is_logged_and_exits_with_1() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let output = Instance::command().env("RUANG_LISTEN", &address).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains(&format!("cannot listen on {address}")), "{log}");
}

#[tokio::test]
async fn used_metrics_address_is_logged_and_exits_with_1() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let mut command = Instance::command();
    let output = command.env("RUANG_LISTEN", "127.0.0.1:0").env("RUANG_METRICS_LISTEN", &address).output();
    let output = output.expect("it runs");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && log.contains(&format!("cannot listen on {address}")), "{log}");
}

/// Checks the units with the program under test in place of the installed one, and with the commented secrets.
#[test]
fn systemd_units_are_valid_and_restrict_the_program() {
    let dir = scratch();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/systemd");
    for unit in ["ruang.service", "ruang.socket"] {
        let text = std::fs::read_to_string(format!("{shipped}/{unit}")).expect("a unit");
        let text = text.replace("/usr/local/bin/ruang", env!("CARGO_BIN_EXE_ruang"));
        let text = text.replace("\n#LoadCredential", "\nLoadCredential").replace("\n#Environment", "\nEnvironment");
        std::fs::write(dir.path().join(unit), text).expect("a file");
    }
    let service = dir.path().join("ruang.service");
    for check in [&["verify", "--man=no"][..], &["security", "--offline=yes", "--threshold=30", "--no-pager"]] {
        let output = Command::new("systemd-analyze").args(check).arg(&service).output().expect("systemd-analyze");
        let report = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        // It also reports other units of this machine.
        let faults = report.lines().filter(|line| line.contains("ruang.") && !line.contains("exposure level"));
        assert!(output.status.success() && faults.count() == 0, "{check:?}: {report}");
    }
}

/// Checks the names of settings; `tests/manifests` checks that the manifests are well-formed.
#[test]
fn kubernetes_manifests_use_known_settings() {
    let help = Instance::command().arg("--help").output().expect("it runs");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for part in ["base", "production"] {
        let file = format!("{}/deploy/kubernetes/{part}/kustomization.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(file).expect("a kustomization");
        let listed = text.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split_once('='));
        let names: Vec<&str> = listed.map(|(name, _)| name).collect();
        assert!(names.contains(&"REDIS_URL"), "{names:?}");
        for name in names {
            assert!(help.contains(&format!("[env: {name}]")), "{name} is not a setting");
        }
    }
}

fn receive(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let read = socket.recv(&mut bytes).expect("a notification in time");
    String::from_utf8_lossy(&bytes[..read]).trim().to_owned()
}

/// Runs `ruang check`; returns whether it succeeded, its output and its errors.
fn check(settings: &[(&str, &str)]) -> (bool, String, String) {
    let mut command = Instance::command();
    let output = command.arg("check").envs(settings.iter().copied()).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn check_reports_redis_problems_with_a_hint() {
    let redis = Redis::start().await;
    command(&redis, &["CONFIG", "SET", "maxmemory", "1gb"]).await;
    let (succeeded, output, _) = check(&[("REDIS_URL", &redis.url())]);
    // The release of Debian has the Lua fixes under an old number.
    let advice = output.split_once("Redis answers.\n").unwrap_or_else(|| panic!("{output}")).1;
    assert!(succeeded && advice.lines().all(|line| line.contains("CVE-2025-49844")), "{output}");
    assert!(output.contains("\nKeys in Redis: ruang:{ruang_chat_utama}:* ruang---*\n"), "{output}");
    assert_eq!(command(&redis, &["KEYS", "*check*"]).await.trim(), "", "the check leaves no key");

    command(&redis, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "appendonly", "no", "maxmemory", "0"]).await;
    let (succeeded, output, _) = check(&[("REDIS_URL", &redis.url())]);
    assert!(succeeded && output.contains("noeviction") && output.contains("appendonly yes"), "{output}");
    assert!(output.contains("set maxmemory"), "{output}");

    command(&redis, &["CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1mb"]).await;
    let (succeeded, _, errors) = check(&[("REDIS_URL", &redis.url())]);
    assert!(!succeeded && errors.contains("raise maxmemory"), "{errors}");
    command(&redis, &["CONFIG", "SET", "maxmemory", "0"]).await;

    let (succeeded, _, errors) = check(&[("REDIS_URL", "redis://127.0.0.1:1")]);
    assert_eq!(
        errors,
        "ruang: Redis cannot be used: Connection refused: start it, or correct REDIS_URL (in a container, localhost is the container itself)\n"
    );
    assert!(!succeeded);
}

#[tokio::test]
async fn check_tests_every_redis_permission_the_room_needs() {
    let redis = Redis::start().await;
    let of = |user: &str| redis.url().replace("redis://", &format!("redis://{user}@"));
    let permissions = ["+@all", "~ruang:*", "~ruang---*", "&*"];
    let insufficient = [
        (vec!["+@all", "~lain:*", "&*"], "another namespace"),
        (vec!["+@all", "~ruang:*", "&*"], "no sessions"),
        (vec!["+@all", "~ruang:*", "~ruang---*", "resetchannels"], "no channel"),
        (vec!["+@all", "-@write", "~ruang:*", "~ruang---*", "&*"], "no writes"),
        (vec!["+@all", "-subscribe", "~ruang:*", "~ruang---*", "&*"], "no subscribe"),
        (vec!["+@all", "-xadd", "~ruang:*", "~ruang---*", "&*"], "no log"),
    ];
    for (given, what) in [(permissions.to_vec(), "everything")].into_iter().chain(insufficient) {
        command(&redis, &["ACL", "SETUSER", "ruang", "reset", "on", ">rahasia"]).await;
        command(&redis, &[&["ACL", "SETUSER", "ruang"], given.as_slice()].concat()).await;
        let (succeeded, _, errors) = check(&[("REDIS_URL", &of("ruang:rahasia"))]);
        assert_eq!(succeeded, given == permissions, "{what}: {errors}");
        assert!(succeeded || errors.contains("users.acl"), "{what}: {errors}");
        assert!(!errors.contains("rahasia"), "{errors}");
    }
    let (succeeded, _, errors) = check(&[("REDIS_URL", &of("ruang:salah"))]);
    assert!(!succeeded && errors.contains("REDIS_PASSWORD_FILE") && !errors.contains("salah"), "{errors}");
}

#[tokio::test]
async fn redis_absent_at_start_and_its_return_are_logged_once_each() {
    let mut redis = Redis::stopped();
    let instance = Instance::start("early", &[("REDIS_URL".to_owned(), redis.url())]).await;
    let silent = "Redis does not reply: no messages or sign-ins until it does reason=\"Connection refused: start it";
    instance.wait_for_log(silent, SOON).await;
    redis.restart().await;
    instance.wait_for_log("Redis replies again", SOON).await;
    instance.wait_for_readyz(200, SOON).await;
    assert_eq!(instance.log().matches("Redis does not reply").count(), 1, "{}", instance.log());
    assert!(!instance.log().contains("fred"), "{}", instance.log());
}

#[tokio::test]
async fn sighup_drains_the_instance() {
    let mut cluster = Cluster::with_defaults(Engine::Memory).await;
    let mut sari = cluster.join(0, "sari").await;
    cluster.instances[0].hang_up();
    sari.wait_for_bye(SOON, "restart", 1012).await;
    assert!(cluster.instances[0].wait_for_exit(SOON * 2).await.success());
}
