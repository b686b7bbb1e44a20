//! The pages of the manual that are made from the catalogue and the tests.

use std::fmt::Write as _;

use crate::catalogue::Rule;
use crate::catalogue::Scope;
use crate::catalogue::Section;
use crate::scan::Test;

/// Returns the page of some RFCs: for each section what it asks, what serves it, what shows it.
pub(crate) fn page(title: &str, rfcs: &[&str], sections: &[Section], tests: &[Test]) -> String {
    let mut page = format!("{title}\n{INTRODUCTION}");
    for section in sections {
        if rfcs.contains(&section.rfc.as_str()) {
            write_section(section, tests, &mut page).expect("a string takes all");
        }
    }
    page
}

const INTRODUCTION: &str = "
For each section: what it asks, the files that serve it, and under each rule the tests that show
it. The ids are those of `tests/rules.toml`, and tests name them; `make conformance` tells which of
them pass. The RFC has the last word on every rule.

This page is made from the catalogue and the tests:
`UPDATE=1 cargo test --all-features --test conformance`.
";

fn write_section(section: &Section, tests: &[Test], page: &mut String) -> std::fmt::Result {
    let Section {
        rfc, number, title, ..
    } = section;
    let anchor = if number.starts_with(|c: char| c.is_ascii_digit()) {
        format!("section-{number}")
    } else {
        format!("appendix-{number}")
    };
    let address = format!("https://www.rfc-editor.org/rfc/rfc{rfc}#{anchor}");
    writeln!(page, "\n## [RFC {rfc} §{number}]({address}): {title}\n")?;
    let files: Vec<_> = section.files.iter().map(|f| format!("`{f}`")).collect();
    writeln!(page, "About {}.", section.asks)?;
    writeln!(page, "Served by {}.\n", files.join(", "))?;
    for rule in &section.rules {
        write_rule(rule, tests, page)?;
    }
    Ok(())
}

fn write_rule(rule: &Rule, tests: &[Test], page: &mut String) -> std::fmt::Result {
    let Rule {
        id, level, text, ..
    } = rule;
    let mut tests = tests.iter().filter(|test| test.rules.contains(id));
    let remark = match (rule.scope, tests.clone().next()) {
        (Scope::Core, Some(_)) => "",
        (Scope::Core, None) => " *No test yet.*",
        (Scope::Optional, Some(_)) => " *Optional, offered.*",
        (Scope::Optional, None) => " *Optional, not offered.*",
        (Scope::Guidance, _) => " *For the program that uses the library.*",
    };
    writeln!(page, "- **{id}** ({level}) {text}{remark}")?;
    tests.try_for_each(|test| writeln!(page, "  - `{}` in `{}`", test.name(), test.file))
}
