//! The torture: participants chat over several instances on one Redis, with random faults; a checker judges what all of them
//! received. `docs/torture.md` explains the result; `cargo test --test torture` runs it for any time.

pub mod checker;
mod connection;
mod fault_injector;
mod hostile;
mod participant;
pub mod plan;
mod program;
pub mod record;
pub mod report;
mod run;
pub mod soak;
mod tab;

pub use plan::Options;
pub use run::run;

/// Long enough for every kind of fault once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_fault_breaks_no_promise() {
    let options = Options { seed: 7, duration: std::time::Duration::from_secs(36), ..Options::default() };
    let record = run(&options).await;
    let violations = checker::check(&record);
    println!("{}", report::report(&options, &record, &violations));
    assert!(violations.is_empty(), "violations, with seed {}", options.seed);
}
