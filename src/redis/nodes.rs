//! The further nodes (Sentinels, or nodes of a Cluster) that a Redis URL names.
//!
//! fred splits `node=host:port` at every colon, and so refuses IPv6 addresses. They are taken out of the URL here.

use std::net::SocketAddr;

use fred::types::config::{Config, Server, ServerConfig};
use url::Url;

use super::ConnectError;

const NODE: &str = "node";

/// Parses a Redis URL as fred does, with nodes like `host:26379` or `[2001:db8::1]:26379`.
pub(super) fn config_from_url(url: &str) -> Result<Config, ConnectError> {
    let (url, nodes) = split_nodes(url)?;
    let mut config = Config::from_url(&url).map_err(|error| ConnectError::Url(error.details().to_owned()))?;
    match &mut config.server {
        ServerConfig::Sentinel { hosts, .. } | ServerConfig::Clustered { hosts, .. } => hosts.extend(nodes),
        _ => {}
    }
    Ok(config)
}

fn split_nodes(url: &str) -> Result<(String, Vec<Server>), ConnectError> {
    let mut url = Url::parse(url).map_err(|error| ConnectError::Url(error.to_string()))?;
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let (nodes, others): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name == NODE);
    if nodes.is_empty() {
        return Ok((url.into(), vec![]));
    }
    url.query_pairs_mut().clear().extend_pairs(others);
    let nodes = nodes.iter().map(|(_, node)| {
        let invalid = || ConnectError::Url(format!("node={node} is not host:port or [IPv6 address]:port"));
        server(node).ok_or_else(invalid)
    });
    Ok((url.into(), nodes.collect::<Result<_, _>>()?))
}

fn server(node: &str) -> Option<Server> {
    if let Ok(address) = node.parse::<SocketAddr>() {
        return Some(Server::new(address.ip().to_string(), address.port()));
    }
    let (host, port) = node.rsplit_once(':')?;
    let is_name = !host.is_empty() && !host.contains([':', '[', ']']);
    port.parse().ok().filter(|_| is_name).map(|port| Server::new(host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str) -> Result<Vec<String>, ConnectError> {
        let config = config_from_url(url)?;
        Ok(config.server.hosts().iter().map(|server| format!("{} {}", server.host, server.port)).collect())
    }

    #[test]
    fn nodes_may_be_names_and_addresses_of_both_kinds() {
        let sentinels = "redis-sentinel://[::1]:26379/0?sentinelServiceName=room&node=[2001:db8::2]:26380&node=b:26381";
        assert_eq!(hosts(sentinels).unwrap(), ["[::1] 26379", "2001:db8::2 26380", "b 26381"]);
        assert_eq!(hosts("redis-cluster://a:1?node=10.0.0.2:2").unwrap(), ["a 1", "10.0.0.2 2"]);
        assert_eq!(hosts("redis://a:1").unwrap(), ["a 1"]);
    }

    #[test]
    fn other_parameters_stay() {
        let url = "redis-sentinel://a:1/0?node=b:2&sentinelServiceName=room%20satu&sentinelPassword=a%26b%3Dc";
        let ServerConfig::Sentinel { service_name, password, .. } = config_from_url(url).unwrap().server else {
            panic!("sentinels")
        };
        assert_eq!((service_name.as_str(), password.as_deref()), ("room satu", Some("a&b=c")));
    }

    #[test]
    fn malformed_nodes_are_refused() {
        for node in ["b", "b:", ":2", "b:70000", "::1:26379", "[::1]", "[b]:2"] {
            let error = hosts(&format!("redis-cluster://a:1?node={node}")).expect_err(node);
            assert!(error.to_string().contains(&format!("node={node}")), "{error}");
        }
    }
}
