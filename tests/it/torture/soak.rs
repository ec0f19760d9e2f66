//! A soak: during the torture, hostile clients attack one instance that is never stopped, a page stays open on it, and the
//! resources of both are sampled.

use std::{fmt::Write, time::Duration};

use tokio::{task::JoinSet, time::Instant};

use crate::kit::{Browser, Instance};

use super::hostile;

/// Interval of samples.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(60);
/// The name of the page's user.
const READER: &str = "pembaca";

/// A soak in progress.
pub struct Soak {
    page: Browser,
    _hostile: JoinSet<()>,
    began: Instant,
    looked: Option<Instant>,
    samples: Vec<Sample>,
}

/// The resources in use at one time.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Time since the start.
    pub at: Duration,
    /// The instance's memory, in KiB.
    pub resident: u64,
    /// The instance's descriptors.
    pub open_files: u64,
    /// The page's heap, in bytes.
    pub heap: f64,
    /// Elements in the page.
    pub elements: u64,
}

impl Soak {
    /// Starts a soak of an instance.
    pub async fn begin(instance: &Instance, hostile: usize) -> Self {
        let page = Browser::start("id").await;
        page.open(instance.base()).await;
        page.enter("#username", READER).await;
        page.is_at("/chat").await;
        let _hostile = hostile::start(instance.base(), hostile);
        Self { page, _hostile, began: Instant::now(), looked: None, samples: vec![] }
    }

    /// Takes a sample if one is due.
    pub async fn sample(&mut self, instance: &Instance) {
        if self.looked.is_some_and(|looked| looked.elapsed() < SAMPLE_INTERVAL) {
            return;
        }
        self.looked = Some(Instant::now());
        let elements = self.page.script("return document.querySelectorAll('*').length", vec![]).await;
        let sample = Sample {
            at: self.began.elapsed(),
            resident: instance.resident_kib(),
            open_files: instance.open_files(),
            heap: self.page.heap_bytes().await,
            elements: elements.as_u64().unwrap_or_default(),
        };
        println!("{}", line(&sample));
        self.samples.push(sample);
    }

    /// Ends the soak; the page must be connected.
    pub async fn end(self) -> Vec<Sample> {
        self.page.comes_to("return document.body.dataset.connection", "online").await;
        self.samples
    }
}

/// Compares the medians of the second and of the last fifth of the samples; the first fifth is warm-up.
pub fn report(samples: &[Sample]) -> String {
    let fifth = (samples.len() / 5).max(1);
    let (early, late) = (&samples[fifth.min(samples.len() - 1)..], &samples[samples.len() - fifth..]);
    let early = &early[..fifth.min(early.len())];
    let mut text = String::new();
    for (what, of) in [
        ("instance, MiB resident", (|sample| sample.resident as f64 / 1024.0) as fn(&Sample) -> f64),
        ("instance, descriptors", |sample| sample.open_files as f64),
        ("page, MiB of heap", |sample| sample.heap / 1024.0 / 1024.0),
        ("page, elements", |sample| sample.elements as f64),
    ] {
        let _ = writeln!(text, "{what:<24} {:.1} early, {:.1} late", median(early, of), median(late, of));
    }
    text
}

fn line(sample: &Sample) -> String {
    let Sample { at, resident, open_files, heap, elements } = sample;
    let (minutes, heap) = (at.as_secs_f64() / 60.0, heap / 1024.0 / 1024.0);
    format!("{minutes:6.1} min: {resident} KiB, {open_files} descriptors; page {heap:.2} MiB, {elements} elements")
}

fn median(samples: &[Sample], of: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
