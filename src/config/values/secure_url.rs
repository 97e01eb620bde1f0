//! URLs at which nobody on the way can listen or answer: `https`, or `http` to this machine.

use url::{Host, Url};

use super::{ValueError, refuse};

/// What is said of a URL that is refused.
pub(super) struct Words {
    /// Why plain HTTP to another host will not do.
    pub(super) plain: &'static str,
    /// What to write instead.
    pub(super) remedy: &'static str,
}

/// Parses an absolute URL: `https`, or `http` to a loopback host only. Never one with a query, fragment or user name.
pub(super) fn parse(text: &str, words: &Words) -> Result<Url, ValueError> {
    let &Words { plain, remedy } = words;
    let Ok(url) = Url::parse(text) else {
        return refuse("is not an absolute URL", remedy);
    };
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return refuse("has a query, fragment or user name", remedy);
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if url.host().as_ref().is_some_and(is_loopback) => Ok(url),
        "http" => refuse(plain, remedy),
        _ => refuse("is neither https nor http", remedy),
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words { plain: "is plain", remedy: "write another" };

    #[test]
    fn it_goes_over_tls_or_stays_on_this_machine() {
        for accepted in [
            "https://server.example",
            "https://server.example/path",
            "http://127.0.0.1:9/path",
            "http://localhost:9",
            "http://[::1]:9/",
        ] {
            parse(accepted, &WORDS).unwrap();
        }
        for (refused, problem) in [
            ("server.example", "is not an absolute URL"),
            ("http://server.example/", WORDS.plain),
            ("http://127.0.0.1.evil.example/", WORDS.plain),
            ("http://169.254.169.254/", WORDS.plain),
            ("ftp://127.0.0.1/", "is neither https nor http"),
            ("grpc://127.0.0.1:4317", "is neither https nor http"),
            ("https://key@server.example/", "has a query, fragment or user name"),
            ("https://:key@server.example/", "has a query, fragment or user name"),
            ("https://server.example/?key=a", "has a query, fragment or user name"),
            ("https://server.example/#a", "has a query, fragment or user name"),
        ] {
            assert_eq!(parse(refused, &WORDS).unwrap_err().problem, problem, "{refused}");
        }
    }
}
