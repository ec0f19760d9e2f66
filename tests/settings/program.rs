//! The program's own output: `--help`, `check`, `healthcheck`, errors.

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use super::load;

pub fn ruang(args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ruang"));
    command.env_clear().args(args).envs(env.iter().copied()).output().expect("it runs")
}

#[test]
fn invalid_settings_are_one_line_on_stderr_and_exit_code_2() {
    for (args, env) in [
        (&["--lisen", "x"][..], &[][..]),
        (&["serve"], &[]),
        (&["--listen"], &[]),
        (&[], &[("RUANG_LISTEN", "8080")]),
        (&["check"], &[("REDIS_URL", "redis")]),
    ] {
        let output = ruang(args, env);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert!(stderr.starts_with("ruang: ") && stderr.lines().count() == 1, "{stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn version_has_the_commit_and_help_lists_every_setting() {
    let version = String::from_utf8(ruang(&["--version"], &[]).stdout).expect("text");
    assert!(version.starts_with(concat!("ruang ", env!("CARGO_PKG_VERSION"), " (")), "{version}");
    let output = ruang(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).expect("text");
    for setting in load(&[], &[]).expect("the defaults").effective {
        assert!(help.contains(setting.name), "{}", setting.name);
    }
    assert!(help.contains("[env: RUANG_LISTEN] [default: 127.0.0.1:8080]") && help.contains("Limits:"), "{help}");
}

#[test]
fn check_prints_every_value_with_its_source() {
    let output = ruang(&["check", "--history", "500"], &[("RUANG_LEASE", "3s")]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("text");
    let line =
        |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
    assert!(line("RUANG_HISTORY ").ends_with("\"500\"  (flag)"));
    assert!(line("RUANG_LEASE ").ends_with("\"3s\"  (environment)"));
    assert!(line("RUANG_NAMESPACE ").ends_with("\"ruang\"  (default)"));
}

#[test]
fn healthcheck_succeeds_only_on_200() {
    for (answer, code) in [("HTTP/1.1 200 OK\r\n\r\nok", 0), ("HTTP/1.1 503 Service Unavailable\r\n\r\n", 1), ("", 1)] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let instance = thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("a connection");
            let mut request = [0; 256];
            let read = socket.read(&mut request).expect("a request");
            socket.write_all(answer.as_bytes()).expect("answered");
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let output = ruang(&["healthcheck", "--listen", &address], &[]);
        assert_eq!(output.status.code(), Some(code), "{answer}");
        assert!(instance.join().expect("a request").starts_with("GET /healthz HTTP/1.1\r\n"));
    }
}

#[test]
fn healthcheck_fails_on_a_stuck_or_stopped_instance() {
    let stuck = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = stuck.local_addr().expect("an address").to_string();
    let started = Instant::now();
    assert_eq!(ruang(&["healthcheck"], &[("RUANG_LISTEN", &address)]).status.code(), Some(1));
    assert!(started.elapsed() < Duration::from_secs(5));
    drop(stuck);
    assert_eq!(ruang(&["healthcheck"], &[("RUANG_LISTEN", &address)]).status.code(), Some(1));
}
