//! The members of the room according to an instance.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde::Deserialize;

const RESPONSE_LIMIT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Page {
    members: Vec<String>,
    count: usize,
    more: bool,
}

/// Returns all names, read page by page.
pub fn names(target: SocketAddr, cookie: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    loop {
        let page = page(target, cookie, names.last())?;
        names.extend(page.members);
        if !page.more {
            return Ok(names);
        }
    }
}

/// Returns the number of people.
pub fn count(target: SocketAddr, cookie: &str) -> io::Result<usize> {
    Ok(page(target, cookie, None)?.count)
}

/// Returns whether the instance is ready for people.
pub fn is_ready(target: SocketAddr) -> bool {
    get(target, "/readyz", "").is_ok_and(|reply| reply.starts_with("HTTP/1.1 200"))
}

fn page(target: SocketAddr, cookie: &str, after: Option<&String>) -> io::Result<Page> {
    let after = after.map(|name| format!("&after={name}")).unwrap_or_default();
    let reply = get(target, &format!("/api/members?limit=200{after}"), cookie)?;
    let body = reply.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    serde_json::from_str(body).map_err(|error| io::Error::other(format!("{target} does not list the members: {error}")))
}

fn get(target: SocketAddr, path: &str, cookie: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(target)?;
    stream.set_read_timeout(Some(RESPONSE_LIMIT))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {target}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}
