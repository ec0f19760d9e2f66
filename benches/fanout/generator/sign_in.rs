//! Signs clients in through the form, as a browser does.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

/// Number of threads that sign in.
const WORKERS: usize = 8;
const RESPONSE_LIMIT: Duration = Duration::from_secs(10);

/// Signs in this many people, numbered from `first`; returns their cookies.
pub fn sign_in(targets: &[SocketAddr], first: usize, count: usize) -> io::Result<Vec<String>> {
    let share = count.div_ceil(WORKERS).max(1);
    let numbers = (first..first + count).collect::<Vec<_>>();
    thread::scope(|scope| {
        let works = numbers.chunks(share).enumerate().map(|(worker, numbers)| {
            let target = targets[worker % targets.len()];
            scope.spawn(move || cookies(target, numbers))
        });
        let works = works.collect::<Vec<_>>();
        let mut all = Vec::with_capacity(count);
        for work in works {
            all.extend(work.join().map_err(|_| io::Error::other("signing in panicked"))??);
        }
        Ok(all)
    })
}

fn cookies(target: SocketAddr, numbers: &[usize]) -> io::Result<Vec<String>> {
    let stream = TcpStream::connect(target)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(RESPONSE_LIMIT))?;
    let mut replies = BufReader::new(stream.try_clone()?);
    numbers.iter().map(|number| cookie(&stream, &mut replies, target, *number)).collect()
}

fn cookie(mut stream: &TcpStream, replies: &mut impl BufRead, target: SocketAddr, number: usize) -> io::Result<String> {
    let form = format!("username=tamu{number}");
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {target}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes())?;
    let (mut status, mut cookie, mut length) = (String::new(), None, 0);
    replies.read_line(&mut status)?;
    loop {
        let mut line = String::new();
        replies.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "set-cookie" => cookie = value.split(';').next().map(ToOwned::to_owned),
            "content-length" => length = value.parse().map_err(io::Error::other)?,
            _ => {}
        }
    }
    io::copy(&mut replies.take(length), &mut io::sink())?;
    cookie.ok_or_else(|| io::Error::other(format!("tamu{number} cannot sign in: {}", status.trim_end())))
}
