//! Requirements of every balancer in front of the instances.

use std::{net::IpAddr, time::Duration};

use futures_util::future::join_all;

use super::{HttpClient, WsClient};

/// How long a balancer may keep a connection whose request has no complete head.
pub const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Signs in this many people and joins the room with each.
pub async fn join_people(base: &str, count: usize) -> Vec<WsClient> {
    let join = async |n: usize| WsClient::sign_in_and_join(&HttpClient::new(base), &format!("orang{n}")).await;
    let mut people = vec![];
    // A few at a time: this measures no speed.
    for first in (0..count).step_by(10) {
        people.extend(join_all((first..count.min(first + 10)).map(join)).await);
    }
    people
}

/// Checks that all receive a message of the first and one of the last.
pub async fn hear_each_other(mut people: Vec<WsClient>) {
    let last = people.len() - 1;
    people[0].send_acked("dari depan").await;
    people[last].send_acked("dari belakang").await;
    for person in &mut people {
        person.wait_for_text("orang0", "dari depan").await;
        person.wait_for_text(&format!("orang{last}"), "dari belakang").await;
    }
}

/// Checks that an address has at most `limit` sockets, and other addresses theirs.
pub async fn check_connection_limit(base: &str, limit: usize) {
    let people = join_people(base, limit).await;
    let refused = people[0].http_client.get("/").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("2")), "{refused:?}");
    from_address(base, 6).get("/").await.is(200);
}

/// Checks that an address has at most about `limit` requests at once, and other addresses theirs.
pub async fn check_request_limit(base: &str, limit: usize) {
    let flooder = from_address(base, 5);
    let responses = join_all((0..limit * 2).map(|_| flooder.get("/"))).await;
    let refused: Vec<_> = responses.iter().filter(|response| response.status == 429).collect();
    assert!(refused.len() >= limit / 2, "{} of {}", refused.len(), limit * 2);
    assert!(refused.iter().all(|response| response.header("retry-after") == Some("2")), "{refused:?}");
    from_address(base, 6).get("/").await.is(200);
}

fn from_address(base: &str, last: u8) -> HttpClient {
    HttpClient::from_address(base, Some(IpAddr::from([127, 0, 0, last])))
}
