//! HTTP as far as a dashboard needs it: the head of a request, and a whole answer.
//!
//! Read [RFC 9112 §2](https://www.rfc-editor.org/rfc/rfc9112#section-2) first. One request a
//! connection, and none with a body. Pure: bytes in, bytes out.
//!
//! Not here: which path leads where ([`pages`](crate::cli::serve::pages)), and the frames after an
//! upgrade ([`client`](crate::cli::serve::client)).

use std::borrow::Cow;
use std::net::IpAddr;
use std::net::Ipv6Addr;

use httparse::Header;
use tungstenite::handshake::derive_accept_key;

/// What was asked for.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Request {
    /// Whether only the head of the answer is wanted.
    pub(crate) head_only: bool,
    pub(crate) path: String,
    /// What stands behind the `?`, or nothing.
    pub(crate) query: String,
    /// Whom the client believes to speak to, with the port.
    pub(crate) host: String,
    /// The page that asks, if a browser tells.
    origin: Option<String>,
    /// Whether a browser says that a page of another site asks, and not who looks at it.
    embedded: bool,
    /// The key of a WebSocket that is asked for. RFC 6455 §4.1.
    key: Option<String>,
}

impl Request {
    /// Reads a head, or returns `None` while it is not there as a whole.
    ///
    /// # Errors
    ///
    /// The status with which to refuse it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, Status> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Request::new(&mut headers);
        match head.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) if bytes.len() >= HEAD_BYTES_MAX => {
                return Err(Status::HeadTooLong);
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Status::HeadTooLong),
            Err(_) => return Err(Status::BadRequest),
        }
        let head_only = match head.method {
            Some("GET") => false,
            Some("HEAD") => true,
            _ => return Err(Status::MethodNotAllowed),
        };
        let target = head.path.filter(|path| path.starts_with('/'));
        let target = target.ok_or(Status::BadRequest)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let host = only(head.headers, "host")?.ok_or(Status::BadRequest)?;
        Ok(Some(Self {
            head_only,
            path: path.to_owned(),
            query: query.to_owned(),
            host,
            origin: only(head.headers, "origin")?,
            embedded: is_embedded(head.headers)?,
            key: websocket_key(head.headers)?,
        }))
    }

    /// Tells whether the client means us. A name that somebody points here to reach us from a page
    /// of his own, which is called DNS rebinding, is none of ours.
    pub(crate) fn is_for(&self, listened: &str) -> bool {
        let host = without_port(&self.host);
        let v6 = host.strip_prefix('[').and_then(|v6| v6.strip_suffix(']'));
        v6.is_some_and(|v6| v6.parse::<Ipv6Addr>().is_ok())
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_ipv4())
            || host.eq_ignore_ascii_case("localhost")
            || host.eq_ignore_ascii_case(listened)
    }

    /// Tells whether a browser would ask on behalf of a page that is not ours.
    pub(crate) fn is_foreign(&self) -> bool {
        let is_ours = |origin: &String| {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(&self.host))
        };
        self.embedded || !self.origin.as_ref().is_none_or(is_ours)
    }

    /// Returns the answer that makes this a WebSocket, if that is what was asked for.
    pub(crate) fn upgrade(&self) -> Option<Vec<u8>> {
        let accept = derive_accept_key(self.key.as_ref()?.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        Some(head.into_bytes())
    }

    /// Returns the number behind a key of the query, if there is one.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        let pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == key);
        values.next().and_then(|(_, value)| value.parse().ok())
    }
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: Status,
    content_type: &'static str,
    /// What a page may load and run, for a page.
    policy: Option<String>,
    body: Cow<'static, str>,
}

impl Response {
    pub(crate) fn text(status: Status, body: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            policy: None,
            body: body.into(),
        }
    }

    pub(crate) fn json(body: String) -> Self {
        Self {
            status: Status::Fine,
            content_type: "application/json",
            policy: None,
            body: body.into(),
        }
    }

    /// Figures in the text format of Prometheus.
    pub(crate) fn metrics(body: String) -> Self {
        Self {
            status: Status::Fine,
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            policy: None,
            body: body.into(),
        }
    }

    /// A page, of which only what carries `nonce` is obeyed.
    pub(crate) fn page(body: String, nonce: &str) -> Self {
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Self {
            status: Status::Fine,
            content_type: "text/html; charset=utf-8",
            policy: Some(policy),
            body: body.into(),
        }
    }

    /// Returns all of it as it is sent.
    pub(crate) fn bytes(&self, head_only: bool) -> Vec<u8> {
        let (code, reason) = self.status.line();
        let (content_type, length) = (self.content_type, self.body.len());
        let mut text = format!(
            "HTTP/1.1 {code} {reason}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {length}\r\nConnection: close\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
        );
        let policy = self.policy.as_ref();
        let policy = policy.map(|policy| format!("Content-Security-Policy: {policy}\r\n"));
        let special = match self.status {
            Status::MethodNotAllowed => "Allow: GET, HEAD\r\n",
            // RFC 9110 §7.8, RFC 6455 §4.2.2.
            Status::UpgradeRequired => {
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            }
            Status::TooMany | Status::Unavailable => "Retry-After: 5\r\n",
            _ => "",
        };
        text = text + &policy.unwrap_or_default() + special + "\r\n";
        if !head_only {
            text += &self.body;
        }
        text.into_bytes()
    }
}

impl From<Status> for Response {
    /// An answer that says in words what to change.
    fn from(status: Status) -> Self {
        Self::text(status, format!("{}\n", status.advice()))
    }
}

/// How a request ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    Upgraded,
    Fine,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    TooSlow,
    Misdirected,
    UpgradeRequired,
    TooMany,
    HeadTooLong,
    Unavailable,
}

impl Status {
    pub(crate) const ALL: [Self; 12] = [
        Self::Upgraded,
        Self::Fine,
        Self::BadRequest,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::TooSlow,
        Self::Misdirected,
        Self::UpgradeRequired,
        Self::TooMany,
        Self::HeadTooLong,
        Self::Unavailable,
    ];

    /// Returns number and name. RFC 9110 §15, RFC 6585.
    pub(crate) fn line(self) -> (&'static str, &'static str) {
        match self {
            Self::Upgraded => ("101", "Switching Protocols"),
            Self::Fine => ("200", "OK"),
            Self::BadRequest => ("400", "Bad Request"),
            Self::Forbidden => ("403", "Forbidden"),
            Self::NotFound => ("404", "Not Found"),
            Self::MethodNotAllowed => ("405", "Method Not Allowed"),
            Self::TooSlow => ("408", "Request Timeout"),
            Self::Misdirected => ("421", "Misdirected Request"),
            Self::UpgradeRequired => ("426", "Upgrade Required"),
            Self::TooMany => ("429", "Too Many Requests"),
            Self::HeadTooLong => ("431", "Request Header Fields Too Large"),
            Self::Unavailable => ("503", "Service Unavailable"),
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Upgraded | Self::Fine => "fine",
            Self::BadRequest => "this is not a request of HTTP/1.1 with one host",
            Self::Forbidden => "this is not for you: ask from this machine, or from our own page",
            Self::NotFound => {
                "nothing is here; there are /, /events, /metrics, /metrics.json, /healthz, \
                 /debug/tasks and /debug/budgets"
            }
            Self::MethodNotAllowed => "nothing can be changed here: use GET or HEAD",
            Self::TooSlow => "the request did not come in time",
            Self::Misdirected => "use an address, localhost or the name that is listened on",
            Self::UpgradeRequired => "this is a WebSocket: ask for an upgrade",
            Self::TooMany => "too many requests from your address: ask less often",
            Self::HeadTooLong => "the head of the request has more than 8 KiB or 64 lines",
            Self::Unavailable => "all connections are in use: come back later, or close one",
        }
    }
}

/// Tells whether only the head of an answer is wanted, of whatever has come of a request: what is
/// refused may be none, or not all of one. RFC 9110 §9.3.2.
pub(crate) fn begins_as_head(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HEAD ")
}

/// Returns the value of a header that may be there once.
fn only(headers: &[Header<'_>], name: &str) -> Result<Option<String>, Status> {
    let mut named = headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name));
    let Some(header) = named.next() else {
        return Ok(None);
    };
    let value = std::str::from_utf8(header.value).map_err(|_| Status::BadRequest)?;
    let alone = named.next().is_none() && !value.trim().is_empty();
    alone
        .then(|| Some(value.trim().to_owned()))
        .ok_or(Status::BadRequest)
}

/// Tells whether a page of another site asks: for an image, say, with which no origin is sent. Who
/// follows a link comes himself. Fetch Metadata Request Headers §2.
fn is_embedded(headers: &[Header<'_>]) -> Result<bool, Status> {
    let (site, mode) = (
        only(headers, "sec-fetch-site")?,
        only(headers, "sec-fetch-mode")?,
    );
    let is_ours = matches!(site.as_deref(), None | Some("same-origin" | "none"));
    Ok(!is_ours && mode.as_deref() != Some("navigate"))
}

/// Returns the key if all is there that makes a WebSocket. RFC 6455 §4.2.1.
fn websocket_key(headers: &[Header<'_>]) -> Result<Option<String>, Status> {
    let has = |name: &str, word: &str| {
        let named = headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name));
        let mut words = named.flat_map(|header| header.value.split(|byte| *byte == b','));
        words.any(|found| found.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    };
    if !has("upgrade", "websocket") || !has("connection", "upgrade") {
        return Ok(None);
    }
    if !has("sec-websocket-version", "13") {
        return Err(Status::UpgradeRequired);
    }
    let key = only(headers, "sec-websocket-key")?;
    key.map(Some).ok_or(Status::BadRequest)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The longest head that is read, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 8 << 10;

/// Browsers send twenty.
const HEADERS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::proptest;

    use super::{HEAD_BYTES_MAX, Request, Response, Status};

    #[test]
    fn a_request_is_read_when_its_head_is_there_as_a_whole() {
        let head = b"GET /events?epoch=7&after=12 HTTP/1.1\r\nHost: localhost:5380\r\n\r\n";
        for length in 0..head.len() {
            assert_eq!(Request::read(&head[..length]), Ok(None), "{length}");
        }

        let request = Request::read(head).unwrap().unwrap();

        assert_eq!(
            (&*request.path, &*request.host),
            ("/events", "localhost:5380")
        );
        assert_eq!(
            (request.number("epoch"), request.number("after")),
            (Some(7), Some(12))
        );
        assert_eq!(request.number("before"), None);
        assert_eq!((request.head_only, request.upgrade()), (false, None));
    }

    #[test]
    fn a_head_of_more_than_8_kib_is_refused_before_it_is_whole() {
        let mut head = b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec();
        head.resize(HEAD_BYTES_MAX - 1, b'x');
        assert_eq!(Request::read(&head), Ok(None));
        head.push(b'x');
        assert_eq!(Request::read(&head), Err(Status::HeadTooLong));

        let many = "A: b\r\n".repeat(65);
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n");
        assert_eq!(Request::read(many.as_bytes()), Err(Status::HeadTooLong));
    }

    #[test]
    fn what_is_no_request_for_us_is_refused_with_what_is_wrong() {
        for (head, status) in [
            (
                "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
                Status::MethodNotAllowed,
            ),
            ("DELETE /x HTTP/1.1\r\n\r\n", Status::MethodNotAllowed),
            ("GET / HTTP/1.1\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                Status::BadRequest,
            ),
            (
                "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
                Status::BadRequest,
            ),
            ("GET / HTTP/1.1\r\nHost: \r\n\r\n", Status::BadRequest),
            ("\u{16}\u{3}\u{1}\r\n\r\n", Status::BadRequest),
        ] {
            assert_eq!(Request::read(head.as_bytes()), Err(status), "{head:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(
            bytes in vec(any::<u8>(), 0..300),
            (host, origin) in ("[ -~]{0,30}", "[ -~]{0,30}"),
        ) {
            let _ = Request::read(&bytes);
            let named = format!("Host: {host}\r\nOrigin: {origin}\r\n");
            let head = format!("GET /?{origin} HTTP/1.1\r\n{named}\r\n");
            if let Ok(Some(request)) = Request::read(head.as_bytes()) {
                let _ = (request.is_for(&host), request.is_foreign(), request.number("a"));
            }
        }
    }

    #[test]
    fn only_an_address_localhost_and_the_name_that_is_listened_on_are_for_us() {
        let is_for = |host: &str, listened| {
            let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            Request::read(head.as_bytes())
                .unwrap()
                .unwrap()
                .is_for(listened)
        };

        for ours in [
            "127.0.0.1",
            "192.0.2.9:5380",
            "[::1]:5380",
            "[::1]",
            "localhost",
            "LocalHost:80",
            "printer.local:5380",
        ] {
            assert!(is_for(ours, "printer.local"), "{ours}");
        }
        for foreign in [
            "example.com",
            "localhost.example.com:5380",
            "127.0.0.1.example.com",
            "[::1",
            "::1:x",
            "printer.local.",
            "[printer]",
            "a:b",
        ] {
            assert!(!is_for(foreign, "printer.local"), "{foreign}");
        }
    }

    #[test]
    fn a_page_of_another_host_or_port_is_foreign() {
        let foreign = |origin: &str| {
            let head = format!("GET / HTTP/1.1\r\nHost: localhost:5380\r\n{origin}\r\n");
            Request::read(head.as_bytes())
                .unwrap()
                .unwrap()
                .is_foreign()
        };

        assert!(!foreign(""), "no browser");
        let fetched = |site, mode| {
            foreign(&format!(
                "Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\n"
            ))
        };
        assert!(!fetched("same-origin", "cors") && !fetched("none", "navigate"));
        assert!(!fetched("cross-site", "navigate"), "a link");
        assert!(fetched("cross-site", "no-cors") && fetched("same-site", "cors"));
        assert!(!foreign("Origin: http://localhost:5380\r\n"));
        for other in [
            "http://localhost:8000",
            "http://example.com",
            "null",
            "localhost:5380",
        ] {
            assert!(foreign(&format!("Origin: {other}\r\n")), "{other}");
        }
    }

    #[test]
    fn an_upgrade_needs_all_of_its_headers() {
        let read = |lines: &str| {
            let head = format!("GET /events HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            Request::read(head.as_bytes()).map(|request| request.unwrap().upgrade())
        };
        let upgrade = "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n";
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let version = "Sec-WebSocket-Version: 13\r\n";

        // The example of RFC 6455 §1.3.
        let answer = read(&format!("{upgrade}{key}{version}")).unwrap().unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));

        assert_eq!(read(key), Ok(None));
        assert_eq!(
            read(&format!("{upgrade}{key}")),
            Err(Status::UpgradeRequired)
        );
        assert_eq!(
            read(&format!("{upgrade}{version}")),
            Err(Status::BadRequest)
        );
    }

    #[test]
    fn who_has_to_upgrade_is_told_to_what_and_which_version() {
        let answer = Response::from(Status::UpgradeRequired).bytes(false);
        let answer = String::from_utf8(answer).unwrap();

        for line in [
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Connection: close",
            "Sec-WebSocket-Version: 13",
        ] {
            assert!(answer.contains(&format!("\r\n{line}\r\n")), "{answer}");
        }
    }

    #[test]
    fn an_answer_says_how_long_it_is_and_what_may_be_done_with_it() {
        let text =
            |response: Response, head_only| String::from_utf8(response.bytes(head_only)).unwrap();

        let page = text(Response::page("<p>ü".to_owned(), "x1"), false);
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("\r\n\r\n<p>ü"));
        assert!(page.contains("Content-Length: 5\r\n"));
        assert!(page.contains("X-Content-Type-Options: nosniff\r\n"));
        assert!(page.contains("default-src 'none'; script-src 'nonce-x1';"));
        let head = text(Response::text(Status::Fine, "ok\n"), true);
        assert!(head.contains("Content-Length: 3\r\n") && head.ends_with("\r\n\r\n"));
        let busy = text(Status::Unavailable.into(), false);
        assert!(busy.contains("\r\nRetry-After: 5\r\n"), "{busy}");
        assert!(text(Status::MethodNotAllowed.into(), false).contains("\r\nAllow: GET, HEAD\r\n"));
    }
}
