//! One browser before its socket: it opens pages and signs in, over one connection.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    time::Instant,
};

use mio::{Interest, Registry, Token, event::Event, net::TcpStream};

use super::{
    request::{SignIn, Step},
    token::token,
};

/// A browser.
pub struct Visit {
    pub address: SocketAddr,
    pub target: usize,
    /// The cookies that it has, as a header's value.
    pub cookies: String,
    pub began: Instant,
    number: usize,
    stream: TcpStream,
    is_connected: bool,
    /// The status that the response must have; `None` while no response is due.
    expected: Option<&'static str>,
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

/// The outcome of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    Waits,
    Answered,
    /// Another answer than expected, or none.
    Refused(String),
}

impl Visit {
    /// Starts to connect.
    pub fn connect(number: usize, target: (usize, SocketAddr), registry: &Registry, token: Token) -> io::Result<Self> {
        let (target, address) = target;
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            address,
            target,
            cookies: String::new(),
            began: Instant::now(),
            number,
            stream,
            is_connected: false,
            expected: None,
            unread: Vec::new(),
            unsent: Vec::new(),
        })
    }

    /// Sends the request of a step, now or when connected.
    pub fn begin(&mut self, step: Step, sign_in: &SignIn) -> Progress {
        let (request, expected) = self.request(step, sign_in);
        self.expected = Some(expected);
        self.unsent = request.into_bytes();
        self.progress(|visit| visit.flush())
    }

    /// Handles an event.
    pub fn on_event(&mut self, event: &Event, scratch: &mut [u8]) -> Progress {
        self.progress(|visit| {
            if event.is_writable() {
                visit.is_connected = true;
                visit.flush()?;
            }
            if event.is_readable() { visit.read(scratch) } else { Ok(()) }
        })
    }

    fn progress(&mut self, step: impl FnOnce(&mut Self) -> io::Result<()>) -> Progress {
        match step(self).and_then(|()| self.take_response()) {
            Ok(false) => Progress::Waits,
            Ok(true) => Progress::Answered,
            Err(error) => Progress::Refused(error.to_string()),
        }
    }

    fn request(&self, step: Step, sign_in: &SignIn) -> (String, &'static str) {
        let Self { address, cookies, number, .. } = self;
        let common = format!("Host: {address}\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: {cookies}\r\n");
        let post = |path: &str, content_type: &str, body: &str| {
            let length = body.len();
            format!(
                "POST {path} HTTP/1.1\r\n{common}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        };
        match (step, sign_in) {
            (Step::SignIn, SignIn::Token { secret, audience }) => {
                let body = format!(r#"{{"token":"{}"}}"#, token(secret, audience, *number));
                (post("/api/session", "application/json", &body), "201")
            }
            (Step::SignIn, _) => {
                let body = format!("username=tamu{number}&form=1");
                (post("/", "application/x-www-form-urlencoded", &body), "303")
            }
            (Step::Room, _) => (format!("GET /chat HTTP/1.1\r\n{common}\r\n"), "200"),
            (Step::Form | Step::Socket, _) => (format!("GET / HTTP/1.1\r\n{common}\r\n"), "200"),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.is_connected || self.unsent.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.unsent) {
            Ok(sent) => drop(self.unsent.drain(..sent)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn read(&mut self, scratch: &mut [u8]) -> io::Result<()> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.unread.extend(&scratch[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns whether the response is complete, and keeps its cookies.
    fn take_response(&mut self) -> io::Result<bool> {
        let Some(expected) = self.expected else { return Ok(false) };
        let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(false) };
        let head = String::from_utf8_lossy(&self.unread[..end]).into_owned();
        let (mut length, mut cookies) = (0, Vec::new());
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().map_err(io::Error::other)?,
                "set-cookie" => cookies.extend(value.split(';').next().map(ToOwned::to_owned)),
                _ => {}
            }
        }
        if self.unread.len() < end + 4 + length {
            return Ok(false);
        }
        let status = head.lines().next().unwrap_or_default();
        if status.split(' ').nth(1) != Some(expected) {
            return Err(io::Error::other(status.to_owned()));
        }
        self.unread = Vec::new();
        self.expected = None;
        for cookie in cookies {
            self.set_cookie(&cookie);
        }
        Ok(true)
    }

    fn set_cookie(&mut self, cookie: &str) {
        let name = cookie.split('=').next().unwrap_or_default();
        let others =
            self.cookies.split("; ").filter(|other| !other.is_empty() && other.split('=').next() != Some(name));
        let all = others.chain((!cookie.ends_with('=')).then_some(cookie));
        self.cookies = all.collect::<Vec<_>>().join("; ");
    }
}
