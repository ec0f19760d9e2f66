use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex, mpsc},
    time::Instant,
};

use tracing::{info, info_span, subscriber::with_default};

use super::*;

/// A writer that tests can read.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("text")
    }
}

fn options(format: Format, traces: Option<String>) -> Options {
    Options {
        format,
        filter: "info".into(),
        traces: traces.map(|endpoint| Collector { endpoint, timeout: Duration::from_secs(10) }),
        metrics: Metrics::default(),
    }
}

fn guard(options: &Options) -> Guard {
    Guard::new(options).expect("an exporter")
}

fn logged(options: &Options, act: impl FnOnce()) -> String {
    let written = Written::default();
    let writer = written.clone();
    let guard = guard(options);
    with_default(subscriber(options, &guard, move || writer.clone(), false), act);
    drop(guard);
    written.text()
}

/// A collector that takes one request and passes on its first line, its service and its body.
fn collector() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().expect("an address"));
    let (give, take) = mpsc::channel();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(socket.try_clone().expect("a second handle"));
        let lines = reader.by_ref().lines().map_while(Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).expect("a body");
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("answered");
        give.send((head[0].clone(), body)).expect("awaited");
    });
    (endpoint, take)
}

#[test]
fn text_event_is_one_line_for_any_content() {
    let log = logged(&options(Format::Text, None), || {
        info!(path = %"/x\nERROR forged", name = "\u{1b}[2J", "halo\r\nthere");
    });
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("/x\\nERROR forged") && !log.contains('\u{1b}') && log.ends_with('\n'), "{log}");
}

#[test]
fn json_event_is_one_object() {
    let log = logged(&options(Format::Json, None), || info!(path = %"/x\n\u{1b}[2J", "halo"));
    let event: serde_json::Value = serde_json::from_str(&log).expect("one JSON object");
    assert_eq!(event["message"], "halo");
    assert_eq!(event["path"], "/x\n\u{1b}[2J");
    assert_eq!(log.lines().count(), 1);
}

#[test]
fn filtered_events_are_not_logged() {
    assert_eq!(logged(&options(Format::Text, None), || tracing::debug!("quiet")), "");
}

#[test]
fn dropping_the_guard_sends_the_last_spans() {
    let (endpoint, received) = collector();
    let options = options(Format::Text, Some(endpoint));
    let guard = guard(&options);
    with_default(subscriber(&options, &guard, io::sink, false), || {
        info_span!("a span of the test").in_scope(|| info!("halo"));
    });
    drop(guard);
    let (request, body) = received.recv_timeout(Duration::from_secs(10)).expect("a request in time");
    assert_eq!(request, "POST /v1/traces HTTP/1.1");
    let body = String::from_utf8_lossy(&body).into_owned();
    assert!(body.contains("a span of the test") && body.contains("service.name") && body.contains("ruang"), "{body}");
}

#[tokio::test]
async fn missing_collector_does_not_disturb_a_runtime() {
    let begun = Instant::now();
    let vacant = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let options = options(Format::Text, Some(format!("http://{vacant}/v1/traces")));
    let log = logged(&options, || {
        for _ in 0..10_000 {
            info_span!("dropped").in_scope(|| info!("halo"));
        }
    });
    assert_eq!(log.matches("halo").count(), 10_000);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn line_contains_its_trace_id() {
    for format in [Format::Text, Format::Json] {
        // The spans need no collector.
        let options = options(format, Some("http://127.0.0.1:9/v1/traces".into()));
        let log = logged(&options, || {
            info!("outside");
            spans::publish().in_scope(|| info!("inside"));
        });
        let [outside, inside] = log.lines().collect::<Vec<_>>()[..] else { panic!("{log}") };
        assert!(!outside.contains("trace_id"), "{log}");
        let id = match format {
            Format::Text => inside.split("trace_id=").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned),
            Format::Json => {
                let event: serde_json::Value = serde_json::from_str(inside).expect("one JSON object");
                assert_eq!(event["message"], "inside");
                event["trace_id"].as_str().map(str::to_owned)
            }
        };
        assert!(id.as_ref().is_some_and(|id| id.len() == 32), "{log}");
    }
}

#[test]
fn remote_parent_is_followed_only_if_it_is_valid() {
    let options = options(Format::Text, Some("http://127.0.0.1:9/v1/traces".into()));
    let guard = guard(&options);
    with_default(subscriber(&options, &guard, io::sink, false), || {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        spans::delivery(Some(&parent.into()), "7-1", 1).in_scope(|| {
            let own = spans::current().expect("a span");
            assert_eq!(own.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
            assert_ne!(own.span_id().to_string(), "b7ad6b7169203331");
            assert!(TraceParent::current().is_some());
        });
        for garbage in ["", "00-0-0-01", "halo", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
            assert!(spans::delivery(Some(&garbage.into()), "7-1", 1).is_none(), "{garbage}");
        }
        assert!(spans::delivery(None, "7-1", 1).is_none());
        assert_eq!(TraceParent::current(), None);
    });
}

#[test]
fn trace_events_of_libraries_are_not_formatted() {
    let options = options(Format::Text, Some("http://127.0.0.1:1/v1/traces".into()));
    let guard = guard(&options);
    assert_eq!(subscriber(&options, &guard, io::sink, false).max_level_hint(), Some(LevelFilter::DEBUG));
}
