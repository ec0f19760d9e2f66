//! An OpenTelemetry collector for tests: receives OTLP over HTTP and stores it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    trace::v1::span::SpanKind,
};
use prost::Message;
use tokio::{net::TcpListener, task::AbortHandle};
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;

/// A collector that listens until it is dropped.
pub struct Collector {
    endpoint: String,
    received: Arc<Mutex<Telemetry>>,
    serving: AbortHandle,
}

/// The received spans and metric names.
#[derive(Default)]
struct Telemetry {
    spans: Vec<Span>,
    metrics: Vec<String>,
}

/// A finished span.
#[derive(Clone, Debug)]
pub struct Span {
    /// The trace id, in hex.
    pub trace: String,
    /// The span id, in hex.
    pub id: String,
    /// The parent's span id, in hex; empty for a root span.
    pub parent: String,
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: SpanKind,
    /// The attributes.
    pub attributes: BTreeMap<String, String>,
    /// The attributes of its process.
    pub resource: BTreeMap<String, String>,
    /// The start, in ns since the Unix epoch.
    pub started_at: u64,
}

impl Collector {
    /// Starts a collector.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts a collector that serves TLS as `localhost`.
    pub async fn start_over_tls(authority: &Authority) -> Self {
        Self::start_with(Some(authority.acceptor())).await
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let endpoint =
            if tls.is_some() { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
        let received = Arc::new(Mutex::new(Telemetry::default()));
        let router = Router::new()
            .route("/v1/traces", post(receive_traces))
            .route("/v1/metrics", post(receive_metrics))
            .with_state(Arc::clone(&received));
        let serving = tokio::spawn(serve(listener, tls, router)).abort_handle();
        Self { endpoint, received, serving }
    }

    /// Returns the value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns all received spans in start order.
    pub fn spans(&self) -> Vec<Span> {
        let mut spans = self.received.lock().unwrap_or_else(PoisonError::into_inner).spans.clone();
        spans.sort_by_key(|span| span.started_at);
        spans
    }

    /// Returns the names of all received metrics.
    pub fn metrics(&self) -> Vec<String> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).metrics.clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(router.clone());
        match tls.clone() {
            None => drop(tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service))),
            Some(tls) => drop(tokio::spawn(async move {
                // A client that does not trust the certificate hangs up.
                let Ok(stream) = tls.accept(stream).await else { return };
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            })),
        }
    }
}

async fn receive_traces(State(received): State<Arc<Mutex<Telemetry>>>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).expect("well-formed traces");
    let spans = request.resource_spans.into_iter().flat_map(|of| {
        let resource = attributes(&of.resource.map(|resource| resource.attributes).unwrap_or_default());
        let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.map(move |span| Span {
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            kind: span.kind(),
            attributes: attributes(&span.attributes),
            resource: resource.clone(),
            started_at: span.start_time_unix_nano,
            name: span.name,
        })
    });
    received.lock().unwrap_or_else(PoisonError::into_inner).spans.extend(spans);
}

async fn receive_metrics(State(received): State<Arc<Mutex<Telemetry>>>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportMetricsServiceRequest::decode(body).expect("well-formed metrics");
    let scopes = request.resource_metrics.into_iter().flat_map(|of| of.scope_metrics);
    let names = scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name);
    received.lock().unwrap_or_else(PoisonError::into_inner).metrics.extend(names);
}

fn attributes(given: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &KeyValue| match value.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    given.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
