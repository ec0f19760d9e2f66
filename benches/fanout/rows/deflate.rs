//! Measures how many bytes permessage-deflate (RFC 7692) would save: docs/decisions/0010-compression.md.

use std::{
    hint::black_box,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use flate2::{Compression, write::DeflateEncoder};
use serde_json::json;

use super::arrivals::unlimited;
use crate::{
    generator::{dialect::Dialect, sign_in::sign_in, slow::skip_response, websocket::first_frame},
    options::Options,
    process::Failure,
    report::Line,
    setup::Setup,
    speaker::{OFTEN, Speaker},
};

const ROW: &str = "deflate";
/// Time in which a speaker writes the fifty messages of a welcome and more.
const SPEAKING: Duration = Duration::from_secs(4);
/// The level of what is valid until the next message.
const LEVEL: u32 = 2;
const REPEAT: u32 = 2000;

/// The welcome of a room with fifty messages, compressed once for all clients.
pub fn deflate(options: &Options) -> Result<Vec<Line>, Failure> {
    let ruang = Setup::empty(&options.ruang(1).set(unlimited()))?;
    let cookies = sign_in(&ruang.targets, 0, 2)?;
    let speaker = Speaker::start(ruang.targets[0], &cookies[0], OFTEN)?;
    speaker.finish_after(SPEAKING)?;
    let welcome = welcome(ruang.targets[0], &cookies[1])?;
    let compressed = compress(&welcome)?;
    let once = time(|| compress(&welcome).map(drop))?;
    let each = time(|| {
        drop(black_box(compressed.clone()));
        Ok(())
    })?;
    let ratio = compressed.len() as f64 / welcome.len() as f64;
    let what = format!("a welcome of {} bytes, deflated ÷ plain", welcome.len());
    let detail = json!({ "plain": welcome.len(), "deflated": compressed.len() });
    Ok(vec![
        Line::new(ROW, what, ratio, "").with_detail(detail),
        Line::new(ROW, "  time of one compression", once, "µs"),
        Line::new(ROW, "  time of a copy for a client", each, "µs"),
    ])
}

/// Joins; returns the payload of the welcome.
fn welcome(target: SocketAddr, cookie: &str) -> Result<Vec<u8>, Failure> {
    let mut stream = TcpStream::connect(target)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&Dialect::Ruang.opening(&target.to_string(), cookie))?;
    skip_response(&mut stream)?;
    stream.write_all(&Dialect::Ruang.join(None))?;
    let (mut unread, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        while let Some((_, begin, end)) = first_frame(&unread) {
            if unread[begin..end].starts_with(br#"{"type":"welcome""#) {
                return Ok(unread[begin..end].to_vec());
            }
            unread.drain(..end);
        }
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err("closed before the welcome".into());
        }
        unread.extend_from_slice(&buffer[..read]);
    }
}

/// A message of its own, without the context of earlier ones.
fn compress(plain: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(plain.len() / 2), Compression::new(LEVEL));
    encoder.write_all(plain)?;
    encoder.flush()?;
    Ok(std::mem::take(encoder.get_mut()))
}

/// Returns the microseconds of one call.
fn time(mut call: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let began = Instant::now();
    for _ in 0..REPEAT {
        call()?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(REPEAT))
}
