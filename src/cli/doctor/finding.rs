//! What was found, and how it is written.

use std::fmt;

use serde_json::Value;
use serde_json::json;

/// Something that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    about: &'static str,
    /// Which of several.
    name: Option<String>,
    verdict: Verdict,
    says: String,
    /// What to do about it.
    advice: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It is as it should be.
    Good,
    /// It is worth knowing, and may be meant.
    Note,
    /// It stands in the way.
    Fault,
}

impl Finding {
    pub(crate) fn new(about: &'static str, verdict: Verdict, says: String) -> Self {
        Self {
            about,
            name: None,
            verdict,
            says,
            advice: None,
        }
    }

    pub(crate) fn named(mut self, name: String) -> Self {
        self.name = Some(name);
        self
    }

    pub(crate) fn advise(mut self, advice: String) -> Self {
        self.advice = Some(advice);
        self
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "event": "finding",
            "about": self.about,
            "name": self.name,
            "verdict": self.verdict.to_string(),
            "says": self.says,
            "advice": self.advice,
        })
    }
}

/// As people read it: the advice on a line of its own.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict.to_string();
        write!(f, "{verdict:<VERDICT_WIDTH$}{:<ABOUT_WIDTH$}", self.about)?;
        if let Some(name) = &self.name {
            write!(f, "{name}  ")?;
        }
        f.write_str(&self.says)?;
        match &self.advice {
            Some(advice) => write!(f, "\n{:VERDICT_WIDTH$}{:ABOUT_WIDTH$}{advice}", "", ""),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Fault => "fault",
        })
    }
}

const VERDICT_WIDTH: usize = 7;
const ABOUT_WIDTH: usize = 13;

#[cfg(test)]
mod tests {
    use super::{Finding, Verdict};

    #[test]
    fn advice_stands_below_what_it_is_about() {
        let found = Finding::new(
            "interface",
            Verdict::Note,
            "not used: no address".to_owned(),
        );
        let found = found.named("wlan0".to_owned());
        let advised = found.clone().advise("it is down; set it up".to_owned());

        let text = "note   interface    wlan0  not used: no address";
        let below = "                    it is down; set it up";
        assert_eq!(found.to_string(), text);
        assert_eq!(advised.to_string(), format!("{text}\n{below}"));
        let object = "{\"event\":\"finding\",\"about\":\"interface\",\"name\":\"wlan0\",\
                      \"verdict\":\"note\",\"says\":\"not used: no address\",\"advice\":null}";
        assert_eq!(found.json().to_string(), object);
    }
}
