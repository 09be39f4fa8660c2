//! What a host's name says.

/// Whether it is this machine: what is sent there leaves it for nobody.
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        assert!(["localhost", "127.0.0.1", "127.3.2.1", "::1", "[::1]"].into_iter().all(is_loopback));
        assert!(
            !["localhost.evil.example", "10.0.0.1", "0.0.0.0", "chroma", ""].into_iter().any(is_loopback)
        );
    }
}
