//! The torture: people who chat over several instances on one Redis, faults by chance, and a checker that judges what
//! everybody saw. `docs/torture.md` says how to read it; `cargo test --test torture` runs it for as long as one likes.

pub mod checker;
mod fault_injector;
mod hostile;
mod people;
pub mod plan;
pub mod record;
pub mod report;
mod run;
pub mod soak;
mod tab;
mod wire;

pub use plan::Options;
pub use run::run;

/// Long enough for each kind of fault once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_fault_breaks_no_promise() {
    let options = Options { seed: 7, lasting: std::time::Duration::from_secs(36), ..Options::default() };
    let record = run(&options).await;
    let violations = checker::check(&record);
    println!("{}", report::report(&options, &record, &violations));
    assert!(violations.is_empty(), "promises were broken, with seed {}", options.seed);
}
