//! People who arrive together.

use std::{fs, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    generator::request::{ArriveResult, SignIn},
    options::Options,
    process::Failure,
    report::{Line, quantile},
    setup::{Pace, ServerKind, Setup},
    speaker::{Speaker, Spoken},
};

/// Seconds over which browsers start: within a second of "go live".
const OVER_SECONDS: f64 = 1.0;
/// Interval of a talker's messages: each goes to everyone who has arrived.
const TALK: Duration = Duration::from_millis(200);
/// Seconds for the servers to give back the memory of arriving: their allocator takes ten.
const SETTLE_SECONDS: f64 = 12.0;
/// Clients per second who arrive calmly, for comparison.
const CALM_PER_SECOND: f64 = 500.0;
/// The public URL of rooms that take tokens, and so their audience.
const AUDIENCE: &str = "http://room.invalid";

/// Five thousand browsers open the page, sign in by the form and join within a second.
pub fn arrivals(options: &Options) -> Result<Vec<Line>, Failure> {
    let case = Arrivals { row: "arrivals", count: options.clients(5000), over: OVER_SECONDS, bars: BARS };
    case.measure(&options.ruang(2).set(unlimited()), &SignIn::Form)
}

/// The same, signed in by tokens.
pub fn tokens(options: &Options) -> Result<Vec<Line>, Failure> {
    let secret = STANDARD.encode(rand::random::<[u8; 32]>());
    let dir = TempDir::new()?;
    let file = dir.path().join("secret");
    fs::write(&file, &secret)?;
    let settings = [
        ("RUANG_SIGN_IN", "token".to_owned()),
        ("RUANG_TOKEN_SECRET_FILE", file.display().to_string()),
        ("RUANG_PUBLIC_URL", AUDIENCE.to_owned()),
    ];
    let case = Arrivals { row: "tokens", count: options.clients(5000), over: OVER_SECONDS, bars: BARS };
    let sign_in = SignIn::Token { secret, audience: AUDIENCE.to_owned() };
    case.measure(&options.ruang(2).set(unlimited()).set(settings), &sign_in)
}

/// Ten thousand people who have just signed in open their sockets together on one instance.
pub fn newcomers(options: &Options) -> Result<Vec<Line>, Failure> {
    let case = Arrivals { row: "newcomers", count: options.clients(10_000), over: 0.0, bars: BARS };
    case.measure(&options.ruang(1).set(unlimited()), &SignIn::Done)
}

/// A row of this kind.
struct Arrivals {
    row: &'static str,
    count: usize,
    over: f64,
    bars: Bars,
}

/// Bar and aim of the seconds until the last is welcomed, and of the talker's p99 in milliseconds.
#[derive(Clone, Copy)]
struct Bars {
    last: (f64, f64),
    talker: (f64, f64),
}

const BARS: Bars = Bars { last: (10.0, 5.0), talker: (250.0, 100.0) };

impl Arrivals {
    fn measure(&self, kind: &ServerKind, sign_in: &SignIn) -> Result<Vec<Line>, Failure> {
        let mut lines = Vec::new();
        let calm = self.idle_bytes(kind, sign_in)?;
        let mut ruang = Setup::empty(kind)?;
        let (before, cookie) = start(&mut ruang, sign_in)?;
        let speaker = Speaker::start(ruang.targets[0], &cookie, TALK)?;
        let arrived = ruang.arrive(self.count, sign_in.clone(), self.over, false)?;
        let spoken = speaker.finish()?;
        lines.extend(self.outcome(&arrived, &spoken));
        settle(&mut ruang)?;
        let joined = (ruang.resident_bytes()? - before) / self.count as f64;
        ruang.disconnect_all()?;
        settle(&mut ruang)?;
        let left = ruang.resident_bytes()? - before;
        drop(ruang);
        let what =
            format!("resident memory per client afterwards ÷ idle ({:.1} ÷ {:.1} KiB)", joined / 1024.0, calm / 1024.0);
        let detail = json!({ "before": before, "joined": joined, "calm": calm, "left": left });
        lines.push(Line::new(self.row, what, joined / calm, "").at_most(1.5, 1.1).with_detail(detail));
        lines.push(Line::new(self.row, "  of all, after they have left", left / 1e6, "MB"));
        lines.extend(self.steps(kind, sign_in)?);
        Ok(lines)
    }

    /// Returns the bytes per client of those who arrive calmly.
    fn idle_bytes(&self, kind: &ServerKind, sign_in: &SignIn) -> Result<f64, Failure> {
        let mut ruang = Setup::empty(kind)?;
        let (before, _) = start(&mut ruang, sign_in)?;
        let arrived = ruang.arrive(self.count, sign_in.clone(), self.count as f64 / CALM_PER_SECOND, false)?;
        if arrived.welcomed < self.count {
            return Err(format!("refused although calm: {:?}", arrived.refused).into());
        }
        settle(&mut ruang)?;
        Ok((ruang.resident_bytes()? - before) / self.count as f64)
    }

    fn outcome(&self, arrived: &ArriveResult, spoken: &Spoken) -> [Line; 2] {
        let ArriveResult { seconds, refused, each, .. } = arrived;
        let what = format!("{} arrive: until the last is welcomed (p50 of each {:.0} ms)", self.count, each.p50);
        let last = Line::new(self.row, what, *seconds, "s")
            .at_most(self.bars.last.0, self.bars.last.1)
            .require(refused.is_empty(), format!("refused: {refused:?}"))
            .unless_saturated(&arrived.stats)
            .with_detail(arrived);
        let what = format!("  a talker's p99 of {} acks meanwhile", spoken.acks.len());
        let talker = Line::new(self.row, what, quantile(&spoken.acks, 0.99), "ms")
            .at_most(self.bars.talker.0, self.bars.talker.1)
            .require(spoken.failed == 0, format!("{} messages were not acknowledged", spoken.failed))
            .with_detail(json!(spoken.acks));
        [last, talker]
    }

    /// Measures the CPU of each step on its own: all wait for the last one.
    fn steps(&self, kind: &ServerKind, sign_in: &SignIn) -> Result<Vec<Line>, Failure> {
        let mut ruang = Setup::empty(kind)?;
        let arrived = ruang.arrive(self.count, sign_in.clone(), 0.0, true)?;
        let each = |seconds: f64| seconds * 1e6 / self.count as f64;
        let line = |(step, cpu): &(_, Vec<f64>)| {
            let servers = ruang.servers_cpu(cpu);
            let redis = each(cpu.iter().sum::<f64>() - servers);
            Line::new(self.row, format!("  CPU per person: {step:?} (and Redis {redis:.0})"), each(servers), "µs")
        };
        Ok(arrived.cpu.iter().map(line).collect())
    }
}

/// Lets one client arrive. Returns the resident bytes after that, and its cookie.
fn start(ruang: &mut Setup, sign_in: &SignIn) -> Result<(f64, String), Failure> {
    let first = ruang.arrive(1, sign_in.clone(), 0.0, false)?;
    settle(ruang)?;
    Ok((ruang.resident_bytes()?, first.cookie))
}

/// Waits while clients read on.
fn settle(ruang: &mut Setup) -> Result<(), Failure> {
    let silence = ruang.load(Pace::silent(SETTLE_SECONDS));
    ruang.driver.load(silence).map(drop)
}

/// Settings without the limits that so many people of one address would reach.
pub(super) fn unlimited() -> [(&'static str, String); 3] {
    ["RUANG_READS_PER_SECOND", "RUANG_SENDERS_PER_ADDRESS", "RUANG_SIGN_INS_PER_MINUTE_TOTAL"]
        .map(|name| (name, "0".to_owned()))
}
