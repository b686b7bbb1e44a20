//! A metric: its name, its meaning and its kind.

/// What is measured, and how. Made in a `const`, a bad name does not compile.
///
/// Names follow the customs of Prometheus: base units (`_seconds`, `_bytes`), and `_total` at the
/// end of a counter.
///
/// # Examples
///
/// ```
/// use beacon::telemetry::{Kind, Metric};
///
/// const RECEIVED: Metric = Metric::counter("app_received_total", "Packets received.");
///
/// assert_eq!(RECEIVED.kind(), Kind::Counter);
/// ```
///
/// ```compile_fail
/// # use beacon::telemetry::Metric;
/// const SENT: Metric = Metric::counter("packets sent", "Spaces, and no `_total`.");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Metric {
    name: &'static str,
    help: &'static str,
    kind: Kind,
}

/// What kind of figure a metric is.
///
/// # Examples
///
/// ```
/// use beacon::telemetry::{Kind, Metric};
///
/// assert_eq!(Metric::gauge("app_clients", "Who is connected.").kind(), Kind::Gauge);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How values are spread.
    Histogram,
}

impl Metric {
    /// Describes a counter.
    ///
    /// # Panics
    ///
    /// When the name is none of Prometheus, or does not end in `_total`.
    #[must_use]
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        assert!(is_total(name), "the name of a counter ends in `_total`");
        Self::new(name, help, Kind::Counter)
    }

    /// Describes a gauge.
    ///
    /// # Panics
    ///
    /// When the name is none of Prometheus, or ends in `_total`.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        assert!(
            !is_total(name),
            "only the name of a counter ends in `_total`"
        );
        Self::new(name, help, Kind::Gauge)
    }

    /// Describes a histogram.
    ///
    /// # Panics
    ///
    /// When the name is none of Prometheus, or ends in `_total`.
    #[must_use]
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        assert!(
            !is_total(name),
            "only the name of a counter ends in `_total`"
        );
        Self::new(name, help, Kind::Histogram)
    }

    const fn new(name: &'static str, help: &'static str, kind: Kind) -> Self {
        assert!(
            is_name(name),
            "letters, digits, `_` and `:`, no digit first"
        );
        assert!(!help.is_empty(), "say what it means");
        Self { name, help, kind }
    }

    /// Returns the name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns what it means.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        self.help
    }

    /// Returns its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }
}

impl Kind {
    /// Returns the word for it, in both formats.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let letter = byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
        if !letter && (at == 0 || !byte.is_ascii_digit()) {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty()
}

const fn is_total(name: &str) -> bool {
    matches!(name.as_bytes(), [.., b'_', b't', b'o', b't', b'a', b'l'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_letters_digits_underscores_and_colons_without_a_digit_first() {
        for (name, good) in [
            ("a", true),
            ("_up:rate5", true),
            ("process_cpu_seconds_total", true),
            ("", false),
            ("5xx", false),
            ("open-fds", false),
            ("größe", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
    }
}
