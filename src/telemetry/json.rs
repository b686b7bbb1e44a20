//! Figures as JSON (RFC 8259), for pages and scripts.

use std::fmt;
use std::fmt::Write;

use crate::telemetry::page::Family;
use crate::telemetry::page::Labels;
use crate::telemetry::page::Page;
use crate::telemetry::page::Sample;

impl Page {
    /// Returns the page as one JSON object on one line: each metric by its name, with `help`,
    /// `type` and `samples`.
    ///
    /// A sample has `labels` and a `value`; that of a histogram has `count`, `sum`, `p50`, `p90`
    /// and `p99`. What is no finite number is null.
    ///
    /// # Examples
    ///
    /// ```
    /// use beacon::telemetry::{Metric, Page};
    ///
    /// let mut page = Page::default();
    /// page.gauge(&Metric::gauge("rooms", "Rooms."), &[("on", "0")], 4.0);
    ///
    /// let samples = r#"[{"labels":{"on":"0"},"value":4}]"#;
    /// let rooms = format!(r#"{{"help":"Rooms.","type":"gauge","samples":{samples}}}"#);
    /// assert_eq!(page.json(), format!(r#"{{"rooms":{rooms}}}"#));
    /// ```
    #[must_use]
    pub fn json(&self) -> String {
        let mut text = "{".to_owned();
        for (at, family) in self.families().enumerate() {
            write_family(&mut text, at, family).expect("a string takes all");
        }
        text + "}"
    }
}

fn write_family(text: &mut String, at: usize, family: &Family) -> fmt::Result {
    let metric = &family.metric;
    let (name, help) = (Quoted(metric.name()), Quoted(metric.help()));
    let (comma, kind) = (comma_before(at), metric.kind().word());
    write!(
        text,
        "{comma}{name}:{{\"help\":{help},\"type\":\"{kind}\",\"samples\":["
    )?;
    for (at, (labels, sample)) in family.samples.iter().enumerate() {
        write!(text, "{}{{\"labels\":", comma_before(at))?;
        write_labels(text, labels)?;
        match sample {
            Sample::Count(count) => write!(text, ",\"value\":{count}")?,
            Sample::Level(level) => write!(text, ",\"value\":{}", Number(*level))?,
            Sample::Spread(spread) => {
                let [p50, p90, p99] = spread.quantiles.map(Number);
                let sum = Number(spread.sum);
                write!(text, ",\"count\":{},\"sum\":{sum}", spread.count)?;
                write!(text, ",\"p50\":{p50},\"p90\":{p90},\"p99\":{p99}")?;
            }
        }
        text.write_char('}')?;
    }
    text.write_str("]}")
}

fn write_labels(text: &mut String, labels: &Labels) -> fmt::Result {
    text.write_char('{')?;
    for (at, (name, value)) in labels.iter().enumerate() {
        write!(
            text,
            "{}{}:{}",
            comma_before(at),
            Quoted(name),
            Quoted(value)
        )?;
    }
    text.write_char('}')
}

fn comma_before(at: usize) -> &'static str {
    if at == 0 { "" } else { "," }
}

/// A string in quotes.
struct Quoted<'s>(&'s str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// A number, or null.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_finite() {
            write!(f, "{}", self.0)
        } else {
            f.write_str("null")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;
    use crate::meter::Histogram;
    use crate::telemetry::metric::Metric;

    #[test]
    fn another_reader_of_json_reads_the_same() {
        let help = "With \"quotes\", \\ and\nlines.";
        let sent = Metric::counter("sent_total", help);
        let level = Metric::gauge("level_ratio", "Levels.");
        let waits = Metric::histogram("wait_seconds", "Waits.");
        let histogram = Histogram::new();
        histogram.record(2);
        let mut page = Page::default();
        let odd = "\u{0}\u{1f}\u{7f}\u{2028}\u{1f600}\t\"\\/";

        page.counter(&sent, &[("to", odd), ("by", "")], u64::MAX);
        page.gauge(&level, &[], -2.5e-9);
        page.gauge(&level, &[("of", "nothing")], f64::NAN);
        page.histogram(&waits, &[], &histogram, 0.5);

        let read: Value = serde_json::from_str(&page.json()).unwrap();
        let spread = json!({"labels": {}, "count": 1, "sum": 1, "p50": 1, "p90": 1, "p99": 1});
        let wanted = json!({
            "level_ratio": {"help": "Levels.", "type": "gauge", "samples": [
                {"labels": {}, "value": -2.5e-9},
                {"labels": {"of": "nothing"}, "value": null},
            ]},
            "sent_total": {"help": help, "type": "counter", "samples": [
                {"labels": {"to": odd, "by": ""}, "value": u64::MAX},
            ]},
            "wait_seconds": {"help": "Waits.", "type": "histogram", "samples": [spread]},
        });
        assert_eq!(read, wanted);
        assert!(!page.json().contains('\n'), "one line");
    }

    #[test]
    fn an_empty_page_is_an_empty_object() {
        assert_eq!(Page::default().json(), "{}");
    }
}
