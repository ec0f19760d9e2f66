//! The program: settings, telemetry, runtime, server, exit code.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    panic,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use ruang::{
    app,
    room::{Machine, ThisMachine},
    settings::{Command, Effective, Loaded, Settings, VERSION, descriptors},
    telemetry,
};
use tikv_jemallocator::Jemalloc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::{Builder, Runtime},
    time::timeout,
};

/// Gives back, within ten seconds, the memory that a crowd's arrival needed; glibc keeps it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Deadline of the health check.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);
/// How long tasks that still run after the room closed may take to end.
const TASKS_DEADLINE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let env = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let loaded = match Settings::load(std::env::args_os(), &env, descriptors::raised()) {
        Ok(loaded) => loaded,
        Err(help) if help.exit_code() == 0 => return print(&help.to_string()),
        Err(error) => {
            eprintln!("ruang: {error}");
            return ExitCode::from(error.exit_code());
        }
    };
    match loaded.command {
        Command::Run => run(loaded, Arc::new(ThisMachine)),
        Command::Check => check(&loaded),
        Command::Healthcheck => healthcheck(loaded.settings.listen),
    }
}

fn run(Loaded { settings, effective, .. }: Loaded, machine: Arc<dyn Machine>) -> ExitCode {
    // Outlives the runtime, because the exporters block.
    let _telemetry = telemetry::init(&settings.telemetry);
    log_panics();
    log_settings(&effective);
    let runtime = match runtime(&mut Builder::new_multi_thread()) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let result = runtime.block_on(app::run(settings, machine));
    runtime.shutdown_timeout(TASKS_DEADLINE);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "cannot serve");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Logs a panic on one line, by its place only: its message may quote a client's text.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "panicked");
    }));
}

/// Logs every setting that is not a default and its source, on one line. Values are redacted already.
fn log_settings(effective: &[Effective]) {
    let chosen = effective.iter().filter(|setting| setting.is_chosen());
    let chosen: Vec<String> = chosen.map(|set| format!("{}={} ({})", set.name, set.value, set.source)).collect();
    let settings = if chosen.is_empty() { "defaults".to_owned() } else { chosen.join(", ") };
    tracing::info!(version = VERSION, %settings, "starting");
}

fn check(loaded: &Loaded) -> ExitCode {
    let width = loaded.effective.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
    let lines = loaded.effective.iter().map(|set| format!("{:width$}  {}  ({})", set.name, set.value, set.source));
    print(&lines.collect::<Vec<_>>().join("\n"));
    if loaded.settings.redis_url.is_none() {
        return ExitCode::SUCCESS;
    }
    print(&format!("Keys in Redis: {}", app::key_patterns(&loaded.settings.namespace).join(" ")));
    let runtime = match runtime(&mut Builder::new_current_thread()) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    match runtime.block_on(app::check(&loaded.settings)) {
        Ok(advice) => print(&[&["Redis answers."], advice.as_slice()].concat().join("\n")),
        Err(error) => {
            eprintln!("ruang: {error}");
            ExitCode::FAILURE
        }
    }
}

fn healthcheck(listen: SocketAddr) -> ExitCode {
    let runtime = match runtime(&mut Builder::new_current_thread()) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let request = async { timeout(HEALTH_DEADLINE, status(loopback(listen))).await };
    let failure = match runtime.block_on(request) {
        Ok(Ok(status)) if status == "200" => return ExitCode::SUCCESS,
        Ok(Ok(status)) => format!("the status is {status:?}"),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {HEALTH_DEADLINE:?}"),
    };
    eprintln!("ruang: {listen}: {failure}");
    ExitCode::FAILURE
}

/// Returns the status of `GET /healthz`.
async fn status(address: SocketAddr) -> io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut line = String::new();
    // The status only, not the reason after it.
    socket.take("HTTP/1.1 200".len() as u64).read_to_string(&mut line).await?;
    Ok(line.split(' ').nth(1).unwrap_or_default().to_owned())
}

/// Maps the wildcard address to loopback.
fn loopback(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(address, listen.port())
}

fn runtime(builder: &mut Builder) -> Result<Runtime, ExitCode> {
    builder.enable_all().build().map_err(|error| {
        eprintln!("ruang: cannot start the async runtime: {error}");
        ExitCode::FAILURE
    })
}

/// Prints a text on stdout, and ignores a closed stdout.
fn print(text: &str) -> ExitCode {
    let _closed = writeln!(io::stdout(), "{text}");
    ExitCode::SUCCESS
}

#[cfg(test)]
#[path = "main/tests.rs"]
mod tests;
