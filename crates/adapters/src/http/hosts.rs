//! Which hosts may be asked: the allow-list of a target, and addresses of private networks.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

/// A name that leads only into private networks.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no public address; `private = true` of the target allows others")]
pub(crate) struct NotPublic(String);

/// True if the list names the host, with any port or with this one.
pub(crate) fn is_allowed(allow: &[String], url: &Url) -> bool {
    let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else { return false };
    let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}"));
    allow.iter().any(|allowed| match allowed.strip_prefix("*.") {
        Some(suffix) => host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.')),
        None => allowed == host || Some(allowed) == with_port.as_ref(),
    })
}

/// True for an address that is written out and is no public one.
pub(crate) fn is_private_literal(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => is_private(address.into()),
        Some(url::Host::Ipv6(address)) => is_private(address.into()),
        Some(url::Host::Domain(_)) | None => false,
    }
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_multicast()
                || address.octets()[0] == 0
                || (address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64)
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast()
        }
    }
}

/// Looks names up, and leaves out addresses that a public name has no business to have.
pub(crate) struct Lookup {
    pub(crate) private: bool,
}

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| private || !is_private(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NotPublic(name.as_str().to_owned()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{is_allowed, is_private, is_private_literal};

    #[test]
    fn only_hosts_of_the_list_are_asked() {
        let allow = ["api.example.com".to_owned(), "*.good.org".to_owned(), "127.0.0.1:80".to_owned()];
        let ask = |url: &str| is_allowed(&allow, &url.parse().unwrap());
        assert!(ask("https://api.example.com/x") && ask("http://a.good.org") && ask("http://127.0.0.1/"));
        for url in [
            "https://example.com",
            "https://evilgood.org",
            "https://good.org",
            "ftp://api.example.com",
            "file:///etc/passwd",
            "http://127.0.0.1:81",
            "https://api.example.com.evil.net",
            "https://api.example.com@evil.net/",
        ] {
            assert!(!ask(url), "{url}");
        }
    }

    #[test]
    fn private_addresses_are_known() {
        for address in
            ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1", "0.0.0.0"]
        {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        assert!(!is_private("93.184.216.34".parse().unwrap()));
        assert!(is_private_literal(&"http://[::1]/".parse().unwrap()));
    }
}
