//! A DNS server that knows one answer.

use std::net::Ipv4Addr;

use tokio::{net::UdpSocket, sync::watch, task::JoinHandle};

/// The length of a message's header, before the question.
const HEADER: usize = 12;
/// How long an answer may be stored, in seconds: as long as Docker's own DNS says.
const TTL: u32 = 600;

/// A server on a free UDP port. Every name has the addresses that were set last. Dropping it stops it.
pub struct Dns {
    port: u16,
    addresses: watch::Sender<Vec<Ipv4Addr>>,
    serving: JoinHandle<()>,
}

impl Dns {
    /// Starts a server that answers with these addresses.
    pub async fn start(addresses: Vec<Ipv4Addr>) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = socket.local_addr().expect("its address").port();
        let addresses = watch::Sender::new(addresses);
        let serving = tokio::spawn(serve(socket, addresses.subscribe()));
        Self { port, addresses, serving }
    }

    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the addresses of later answers.
    pub fn set(&self, addresses: Vec<Ipv4Addr>) {
        self.addresses.send_replace(addresses);
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(socket: UdpSocket, addresses: watch::Receiver<Vec<Ipv4Addr>>) {
    let mut buffer = [0; 512];
    while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
        let reply = reply(&buffer[..length], &addresses.borrow());
        if let Some(reply) = reply {
            let _ = socket.send_to(&reply, client).await;
        }
    }
}

/// Builds the reply to a query with one question (RFC 1035, section 4.1).
fn reply(query: &[u8], addresses: &[Ipv4Addr]) -> Option<Vec<u8>> {
    let name = query.get(HEADER..)?.iter().position(|byte| *byte == 0)?;
    let question = query.get(HEADER..HEADER + name + 5)?;
    let count = u16::try_from(addresses.len()).ok()?.to_be_bytes();
    // A response with recursion, without error: one question, the answers.
    let header = [&query[..2], &[0x81, 0x80, 0, 1], &count, &[0, 0, 0, 0]].concat();
    let answer = |address: &Ipv4Addr| {
        // The name of the question; type A, class IN.
        [&[0xc0, 12, 0, 1, 0, 1][..], &TTL.to_be_bytes(), &[0, 4], &address.octets()].concat()
    };
    Some([header, question.to_vec(), addresses.iter().flat_map(answer).collect()].concat())
}
