//! How the program behaves towards those who start it: systemd, and whoever reads its first lines.

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

/// Hands standard input over as systemd hands over a socket: as descriptor 3, to this very process.
const HAND_OVER: &str = r#"exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0""#;

#[tokio::test]
async fn systemd_socket_is_served_and_its_state_is_notified() {
    let dir = scratch();
    let told_at = dir.path().join("notify");
    let told = UnixDatagram::bind(&told_at).expect("a socket");
    told.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    // Whoever comes before it runs waits in the socket, and is answered.
    let early = tokio::spawn({
        let http_client = HttpClient::new(&base);
        async move { http_client.get("/").await.status }
    });
    let mut command = Command::new("bash");
    command.env_clear().args(["-c", HAND_OVER, env!("CARGO_BIN_EXE_ruang")]);
    command.env("NOTIFY_SOCKET", &told_at).env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    let mut process = Process::start("ruang", &mut command);
    let line = process.wait_for_line("ruang is open at ", SOON).await;
    assert!(line.ends_with(&base), "{line}");
    assert_eq!(heard(&told), "READY=1");
    assert_eq!(early.await.expect("an answer"), 200);
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(heard(&told), "STOPPING=1");
    assert!(process.wait_for_exit(SOON).await.success());
}

#[tokio::test]
async fn first_log_line_lists_settings_with_sources_without_secrets() {
    let token = token_file();
    let of = Cluster::builder(Engine::Redis).set("RUANG_LEASE", "7s");
    let cluster = of.with_operator(&token).start().await;
    let log = cluster.instances[0].log();
    let first = log.lines().next().expect("a line");
    for told in
        ["starting", "RUANG_LEASE=\"7s\" (environment)", "REDIS_URL=redis://127.0.0.1", env!("CARGO_PKG_VERSION")]
    {
        assert!(first.contains(told), "{told}: {first}");
    }
    assert!(!first.contains("RUANG_NAME_HOLD") && !log.contains(TOKEN), "{log}");
}

#[tokio::test]
async fn used_listen_address_is_logged_and_exits_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = Instance::command().env("RUANG_LISTEN", &address).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains(&format!("cannot listen on {address}")), "{log}");
}

#[tokio::test]
async fn used_metrics_address_is_logged_and_exits_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut command = Instance::command();
    let output = command.env("RUANG_LISTEN", "127.0.0.1:0").env("RUANG_METRICS_LISTEN", &address).output();
    let output = output.expect("it runs");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && log.contains(&format!("cannot listen on {address}")), "{log}");
}

/// With the program of this test in place of the installed one, and with the secrets that stand there as an example.
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
    for look in [&["verify", "--man=no"][..], &["security", "--offline=yes", "--threshold=30", "--no-pager"]] {
        let output = Command::new("systemd-analyze").args(look).arg(&service).output().expect("systemd-analyze");
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        // What it finds of other units of this machine is not ours.
        let faults = told.lines().filter(|line| line.contains("ruang.") && !line.contains("exposure level"));
        assert!(output.status.success() && faults.count() == 0, "{look:?}: {told}");
    }
}

/// What is shipped for Kubernetes sets what there is. Whether it is well-formed, `tests/manifests` sees.
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
            assert!(help.contains(&format!("[env: {name}]")), "{name} is no setting");
        }
    }
}

fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let read = socket.recv(&mut bytes).expect("a word in time");
    String::from_utf8_lossy(&bytes[..read]).trim().to_owned()
}

/// What `ruang check` says: whether all is well, its output, its complaint.
fn checked(settings: &[(&str, &str)]) -> (bool, String, String) {
    let mut check = Instance::command();
    let output = check.arg("check").envs(settings.iter().copied()).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn check_reports_redis_problems_with_a_hint() {
    let redis = Redis::start().await;
    command(&redis, &["CONFIG", "SET", "maxmemory", "1gb"]).await;
    let (well, told, _) = checked(&[("REDIS_URL", &redis.url())]);
    assert!(well && told.ends_with("Redis answers.\n"), "{told}");
    assert!(told.contains("\nKeys in Redis: ruang:{ruang_chat_utama}:* ruang---*\n"), "{told}");
    assert_eq!(command(&redis, &["KEYS", "*check*"]).await.trim(), "", "nothing is left behind");

    command(&redis, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "appendonly", "no", "maxmemory", "0"]).await;
    let (well, told, _) = checked(&[("REDIS_URL", &redis.url())]);
    assert!(well && told.contains("noeviction") && told.contains("appendonly yes"), "{told}");
    assert!(told.contains("set maxmemory"), "{told}");

    command(&redis, &["CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1mb"]).await;
    let (well, _, complaint) = checked(&[("REDIS_URL", &redis.url())]);
    assert!(!well && complaint.contains("raise maxmemory"), "{complaint}");
    command(&redis, &["CONFIG", "SET", "maxmemory", "0"]).await;

    let (well, _, complaint) = checked(&[("REDIS_URL", "redis://127.0.0.1:1")]);
    assert_eq!(
        complaint,
        "ruang: Redis cannot be used: Connection refused: start it, or correct REDIS_URL (in a container, localhost is the container itself)\n"
    );
    assert!(!well);
}

#[tokio::test]
async fn check_tests_every_redis_permission_the_room_needs() {
    let redis = Redis::start().await;
    let of = |user: &str| redis.url().replace("redis://", &format!("redis://{user}@"));
    let rights = ["+@all", "~ruang:*", "~ruang---*", "&*"];
    let lacks = [
        (vec!["+@all", "~lain:*", "&*"], "another namespace"),
        (vec!["+@all", "~ruang:*", "&*"], "no sessions"),
        (vec!["+@all", "~ruang:*", "~ruang---*", "resetchannels"], "no channel"),
        (vec!["+@all", "-@write", "~ruang:*", "~ruang---*", "&*"], "no writing"),
        (vec!["+@all", "-subscribe", "~ruang:*", "~ruang---*", "&*"], "no subscribing"),
        (vec!["+@all", "-xadd", "~ruang:*", "~ruang---*", "&*"], "no log"),
    ];
    for (given, what) in [(rights.to_vec(), "everything")].into_iter().chain(lacks) {
        command(&redis, &["ACL", "SETUSER", "ruang", "reset", "on", ">rahasia"]).await;
        command(&redis, &[&["ACL", "SETUSER", "ruang"], given.as_slice()].concat()).await;
        let (well, _, complaint) = checked(&[("REDIS_URL", &of("ruang:rahasia"))]);
        assert_eq!(well, given == rights, "{what}: {complaint}");
        assert!(well || complaint.contains("users.acl"), "{what}: {complaint}");
        assert!(!complaint.contains("rahasia"), "{complaint}");
    }
    let (well, _, complaint) = checked(&[("REDIS_URL", &of("ruang:salah"))]);
    assert!(!well && complaint.contains("REDIS_PASSWORD_FILE") && !complaint.contains("salah"), "{complaint}");
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
