//! The cost of the page of the room.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::arrivals::unlimited;
use crate::{
    generator::sign_in::sign_in,
    options::Options,
    process::{self, Failure},
    report::Line,
    setup::Setup,
    speaker::{OFTEN, Speaker},
};

const ROW: &str = "page";
/// Connections that ask for the page, again and again.
const READERS: usize = 8;
/// Time in which a speaker writes the page's fifty messages and more.
const SPEAKING: Duration = Duration::from_secs(4);

/// `GET /chat` with fifty messages, plain and compressed.
pub fn page(options: &Options) -> Result<Vec<Line>, Failure> {
    let ruang = Setup::empty(&options.ruang(1).set(unlimited()))?;
    let target = ruang.targets[0];
    let cookies = sign_in(&ruang.targets, 0, READERS + 1)?;
    let speaker = Speaker::start(target, &cookies[READERS], OFTEN)?;
    speaker.finish_after(SPEAKING)?;
    let mut lines = Vec::new();
    for encoding in ["identity", "gzip"] {
        let cpu = process::cpu_seconds_of(&ruang.server_ids())?[0];
        let began = Instant::now();
        let (count, bytes) = read_for(target, &cookies[..READERS], encoding, options.seconds())?;
        let per_second = count as f64 / began.elapsed().as_secs_f64();
        let used = (process::cpu_seconds_of(&ruang.server_ids())?[0] - cpu) * 1e6 / count as f64;
        let what = format!("GET /chat, {encoding}, {bytes} bytes ({per_second:.0} per second): CPU per request");
        let detail = json!({ "per_second": per_second, "bytes": bytes, "count": count });
        lines.push(Line::new(ROW, what, used, "µs").with_detail(detail));
    }
    Ok(lines)
}

/// Reads the page on all connections. Returns the number of responses, and the bytes of one.
fn read_for(target: SocketAddr, cookies: &[String], encoding: &str, seconds: f64) -> Result<(usize, usize), Failure> {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let read = |cookie: &String| -> io::Result<(usize, usize)> {
        let stream = TcpStream::connect(target)?;
        stream.set_nodelay(true)?;
        let mut responses = BufReader::new(stream.try_clone()?);
        let request =
            format!("GET /chat HTTP/1.1\r\nHost: {target}\r\nAccept-Encoding: {encoding}\r\nCookie: {cookie}\r\n\r\n");
        let (mut count, mut bytes) = (0, 0);
        while Instant::now() < end {
            (&stream).write_all(request.as_bytes())?;
            bytes = skip_page(&mut responses)?;
            count += 1;
        }
        Ok((count, bytes))
    };
    thread::scope(|scope| {
        let readers = cookies.iter().map(|cookie| scope.spawn(move || read(cookie))).collect::<Vec<_>>();
        let (mut count, mut bytes) = (0, 0);
        for reader in readers {
            let (more, size) = reader.join().map_err(|_| "a reader panicked")??;
            (count, bytes) = (count + more, size);
        }
        Ok((count.max(1), bytes))
    })
}

/// Reads a response; returns the bytes of its body.
fn skip_page(responses: &mut impl BufRead) -> io::Result<usize> {
    let (mut length, mut status) = (0, String::new());
    responses.read_line(&mut status)?;
    if !status.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(status));
    }
    loop {
        let mut line = String::new();
        responses.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().map_err(io::Error::other)?;
        }
    }
    io::copy(&mut responses.take(length), &mut io::sink())?;
    Ok(length as usize)
}
