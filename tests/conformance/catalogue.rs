//! The rules, as `tests/rules.toml` lists them.
//!
//! Read that file first. Of TOML only what stands there is understood: a table for each section,
//! strings without escapes, and a rule as an inline table on one line.

use std::fs;
use std::path::Path;

/// A section of an RFC with its rules.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Section {
    /// The number of the RFC.
    pub(crate) rfc: String,
    /// The number of the section, or the letter of the appendix.
    pub(crate) number: String,
    pub(crate) title: String,
    /// What it asks, in one line.
    pub(crate) asks: String,
    /// The files that serve it, from the root of the package.
    pub(crate) files: Vec<String>,
    pub(crate) rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Rule {
    /// For example `6762-8.1-4`.
    pub(crate) id: String,
    /// `MUST`, `SHOULD NOT`, …
    pub(crate) level: String,
    pub(crate) scope: Scope,
    /// Whom it binds.
    pub(crate) role: String,
    /// What it asks, in short.
    pub(crate) text: String,
}

/// Who must hold a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// Whoever speaks the protocol.
    Core,
    /// Who offers the feature that it is about.
    Optional,
    /// The program that uses the library.
    Guidance,
}

/// Reads the catalogue of the package at `root`.
pub(crate) fn read(root: &Path) -> Result<Vec<Section>, String> {
    let path = root.join("tests/rules.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text)
}

/// Reads a catalogue; the error says which line is not understood, and why.
pub(crate) fn parse(text: &str) -> Result<Vec<Section>, String> {
    let mut sections = Vec::new();
    for (number, line) in text.lines().enumerate() {
        take_line(line, &mut sections).map_err(|fault| format!("line {}: {fault}", number + 1))?;
    }
    Ok(sections)
}

fn take_line(line: &str, sections: &mut Vec<Section>) -> Result<(), String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    if line.starts_with('[') {
        sections.push(parse_heading(line)?);
        return Ok(());
    }
    let section = sections.last_mut().ok_or("a section comes first")?;
    if line.starts_with('"') {
        section.rules.push(parse_rule(line, section)?);
        return Ok(());
    }
    let (key, value) = line.split_once(" = ").ok_or("no ` = `")?;
    let value = strings(value);
    let [value] = &value[..] else {
        return Err("one string is the value".to_owned());
    };
    match key {
        "title" => section.title = (*value).to_owned(),
        "asks" => section.asks = (*value).to_owned(),
        "files" => section.files = value.split(' ').map(str::to_owned).collect(),
        _ => return Err(format!("`{key}` is nothing that a section has")),
    }
    Ok(())
}

/// Reads `["RFC 6762 §8.1"]`.
fn parse_heading(line: &str) -> Result<Section, String> {
    let name = line
        .strip_prefix("[\"RFC ")
        .and_then(|rest| rest.strip_suffix("\"]"))
        .and_then(|name| name.split_once(" §"));
    let (rfc, number) = name.ok_or("a section is named like [\"RFC 6762 §8.1\"]")?;
    Ok(Section {
        rfc: rfc.to_owned(),
        number: number.to_owned(),
        title: String::new(),
        asks: String::new(),
        files: Vec::new(),
        rules: Vec::new(),
    })
}

/// Reads `"ID" = { level = "…", scope = "…", role = "…", rule = "…" }`.
fn parse_rule(line: &str, section: &Section) -> Result<Rule, String> {
    let values = strings(line);
    let [id, level, scope, role, text] = values[..] else {
        return Err("a rule has an id, level, scope, role and rule".to_owned());
    };
    let written = format!(
        "\"{id}\" = {{ level = \"{level}\", scope = \"{scope}\", role = \"{role}\", \
         rule = \"{text}\" }}"
    );
    if line != written {
        return Err(format!("a rule is written like {written}"));
    }
    if id.rsplit_once('-').map(|(section, _)| section) != Some(&section.prefix()) {
        return Err(format!("{id} belongs into another section"));
    }
    Ok(Rule {
        id: id.to_owned(),
        level: level.to_owned(),
        scope: match scope {
            "core" => Scope::Core,
            "optional" => Scope::Optional,
            "guidance" => Scope::Guidance,
            _ => return Err(format!("`{scope}` is no scope")),
        },
        role: role.to_owned(),
        text: text.to_owned(),
    })
}

impl Section {
    /// What the ids of its rules begin with: `6762-8.1`.
    fn prefix(&self) -> String {
        format!("{}-{}", self.rfc, self.number)
    }
}

/// Returns what stands between quotes.
fn strings(line: &str) -> Vec<&str> {
    line.split('"').skip(1).step_by(2).collect()
}
