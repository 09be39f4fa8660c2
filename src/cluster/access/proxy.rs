//! The proxy between us and the API server: `proxy-url`, else the environment as Go's HTTP client reads it.

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

use super::Environment;
use crate::text;

/// A proxy to go through.
#[derive(Clone)]
pub struct Proxy {
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// Its address, without credentials.
    pub uri: Uri,
    pub(crate) basic: Option<HeaderValue>,
    pub(crate) login: Option<(String, String)>,
}

/// The protocols a proxy can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP CONNECT, over TLS when the URL says `https`.
    Connect,
    /// SOCKS 5; the proxy resolves names.
    Socks5,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl Proxy {
    /// Reads a proxy URL; the error says what is wrong without quoting it (it may hold a password).
    pub(super) fn parse(url: &str, server: &Uri) -> Result<Self, String> {
        let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme).to_ascii_lowercase();
        let kind = match scheme.as_str() {
            "http" | "https" => ProxyKind::Connect,
            "socks5" | "socks5h" => ProxyKind::Socks5,
            other => return Err(format!("has the scheme '{other}'; known are http, https and socks5")),
        };
        let matcher = Matcher::builder().all(url).build();
        let found = matcher.intercept(server).ok_or("is not a URL like http://host:port")?;
        let uri = with_port(found.uri(), &scheme).ok_or("names no host")?;
        let login = found.raw_auth().map(|(user, password)| (user.to_owned(), password.to_owned()));
        Ok(Self { kind, uri, basic: found.basic_auth().cloned(), login })
    }

    /// What the environment wants for this server: `HTTPS_PROXY` (or `HTTP_PROXY`) unless `NO_PROXY` or a loopback
    /// address says otherwise.
    pub(super) fn from_environment(environment: &Environment, server: &Uri) -> Option<Result<Self, String>> {
        let names = match server.scheme_str() {
            Some("https") => ["HTTPS_PROXY", "https_proxy"],
            _ => ["HTTP_PROXY", "http_proxy"],
        };
        let url = names.iter().find_map(|name| environment.text(name))?;
        let exceptions = ["NO_PROXY", "no_proxy"].iter().find_map(|name| environment.text(name));
        let any = Matcher::builder().all("http://proxy").no(exceptions.unwrap_or_default()).build();
        if is_loopback(server) || any.intercept(server).is_none() {
            return None;
        }
        Some(Self::parse(&url, server))
    }
}

// Go never sends a request for the machine itself to a proxy of the environment.
fn is_loopback(server: &Uri) -> bool {
    text::is_loopback(server.host().unwrap_or_default())
}

fn with_port(uri: &Uri, scheme: &str) -> Option<Uri> {
    let host = uri.host().filter(|host| !host.is_empty())?;
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => 1080,
    };
    let port = uri.port_u16().unwrap_or(default);
    let scheme = if scheme == "socks5h" { "socks5" } else { scheme };
    Uri::builder().scheme(scheme).authority(format!("{host}:{port}")).path_and_query("/").build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Uri {
        Uri::from_static("https://api.example:6443")
    }

    #[test]
    fn a_proxy_url_gives_address_and_credentials() {
        let proxy = Proxy::parse("http://user:p%40ss@proxy.example:3128", &server()).unwrap();
        assert_eq!(
            (proxy.kind, proxy.uri.to_string()),
            (ProxyKind::Connect, "http://proxy.example:3128/".into())
        );
        assert_eq!(proxy.basic.unwrap(), "Basic dXNlcjpwQHNz");
        let proxy = Proxy::parse("socks5://me:secret@localhost", &server()).unwrap();
        assert_eq!(
            (proxy.kind, proxy.uri.to_string()),
            (ProxyKind::Socks5, "socks5://localhost:1080/".into())
        );
        assert_eq!(proxy.login, Some(("me".into(), "secret".into())));
        assert!(Proxy::parse("ftp://proxy", &server()).unwrap_err().contains("'ftp'"));
        assert!(Proxy::parse("http://", &server()).is_err());
    }

    #[test]
    fn the_environment_is_read_as_go_reads_it() {
        let proxied = |variables: &[(&str, &str)], server: &'static str| {
            let environment = Environment::fixed(variables.iter().map(|(name, value)| (*name, *value)));
            let found = Proxy::from_environment(&environment, &Uri::from_static(server));
            found.map(|proxy| proxy.unwrap().uri.to_string())
        };
        let set = ("HTTPS_PROXY", "http://proxy:1");
        assert_eq!(proxied(&[set], "https://api.example"), Some("http://proxy:1/".into()));
        assert_eq!(
            proxied(&[("https_proxy", "proxy:1")], "https://api.example"),
            Some("http://proxy:1/".into())
        );
        assert_eq!(proxied(&[set], "http://api.example"), None);
        assert_eq!(proxied(&[set, ("NO_PROXY", ".example")], "https://api.example"), None);
        assert_eq!(proxied(&[set, ("no_proxy", "10.0.0.0/8")], "https://10.1.2.3"), None);
        assert_eq!(proxied(&[set], "https://127.0.0.1:6443"), None);
        assert_eq!(proxied(&[set], "https://localhost:6443"), None);
    }
}
