//! The account: section by section, which rules have a passing test.

use std::collections::BTreeMap;
use std::fmt;

use crate::catalogue::Rule;
use crate::catalogue::Scope;
use crate::catalogue::Section;
use crate::outcomes::Outcomes;
use crate::scan::Test;

/// What is known of each rule after a run of the tests.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    sections: &'a [Section],
    /// By id.
    verdicts: BTreeMap<&'a str, Verdict>,
    tests_run: usize,
}

/// What is known of one rule.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Verdict {
    /// No test names it.
    Untested,
    /// Tests name it, and none of them ran.
    NotRun,
    /// A test that names it passed, and none failed.
    Shown,
    /// A test that names it failed.
    Failed,
}

impl<'a> Table<'a> {
    pub(crate) fn new(sections: &'a [Section], tests: &[Test], outcomes: &Outcomes) -> Self {
        let mut verdicts: BTreeMap<_, _> = sections
            .iter()
            .flat_map(|section| &section.rules)
            .map(|rule| (rule.id.as_str(), Verdict::Untested))
            .collect();
        for test in tests {
            let verdict = match outcomes.of(test) {
                None => Verdict::NotRun,
                Some(true) => Verdict::Shown,
                Some(false) => Verdict::Failed,
            };
            for id in &test.rules {
                if let Some(known) = verdicts.get_mut(id.as_str()) {
                    *known = verdict.max(*known);
                }
            }
        }
        Self {
            sections,
            verdicts,
            tests_run: outcomes.len(),
        }
    }

    /// Tells whether every core rule is shown.
    pub(crate) fn is_complete(&self) -> bool {
        self.count(Scope::Core, true) == self.count(Scope::Core, false)
    }

    /// Returns how many rules of a scope there are, or are shown.
    pub(crate) fn count(&self, scope: Scope, only_shown: bool) -> usize {
        self.rules()
            .filter(|(_, rule)| rule.scope == scope)
            .filter(|(_, rule)| !only_shown || self.verdict(rule) == Verdict::Shown)
            .count()
    }

    pub(crate) fn verdict(&self, rule: &Rule) -> Verdict {
        self.verdicts[rule.id.as_str()]
    }

    fn rules(&self) -> impl Iterator<Item = (&'a Section, &'a Rule)> {
        let sections = self.sections.iter();
        sections.flat_map(|section| section.rules.iter().map(move |rule| (section, rule)))
    }

    fn write_section(&self, section: &Section, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |scope| section.rules.iter().filter(move |rule| rule.scope == scope);
        let core = of(Scope::Core).count();
        let shown = of(Scope::Core).filter(|rule| self.verdict(rule) == Verdict::Shown);
        let offered = of(Scope::Optional).filter(|rule| self.verdict(rule) != Verdict::Untested);
        let (shown, offered, optional) =
            (shown.count(), offered.count(), of(Scope::Optional).count());
        let place = format!("{} §{}", section.rfc, section.number);
        write!(f, "  {place:<12} {:<42}", section.title)?;
        if core > 0 {
            write!(f, " {shown:>3} of {core:>2}")?;
        } else {
            write!(f, "         -")?;
        }
        if optional > 0 {
            write!(f, "   optional: {offered} of {optional}")?;
        }
        writeln!(f)
    }

    /// Writes the rules of a scope that have a verdict, if there are any.
    fn write_list(
        &self,
        heading: &str,
        scope: Scope,
        verdict: Verdict,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let listed = |rule: &Rule| rule.scope == scope && self.verdict(rule) == verdict;
        let mut rules = self.rules().filter(|(_, rule)| listed(rule)).peekable();
        if rules.peek().is_some() {
            writeln!(f, "\n{heading}:")?;
        }
        for (_, rule) in rules {
            let Rule {
                id, level, text, ..
            } = rule;
            writeln!(f, "  {id:<14} {level:<10}  {text}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Core rules with a passing test, by section:\n")?;
        for section in self.sections {
            self.write_section(section, f)?;
        }
        let (core, optional) = (Scope::Core, Scope::Optional);
        self.write_list("Optional and not offered", optional, Verdict::Untested, f)?;
        self.write_list("Core, no test", core, Verdict::Untested, f)?;
        self.write_list("Core, test did not run", core, Verdict::NotRun, f)?;
        self.write_list("Core, test failed", core, Verdict::Failed, f)?;
        let (shown, all) = (self.count(core, true), self.count(core, false));
        let tenths = shown * 1000 / all.max(1);
        writeln!(
            f,
            "\n{shown} of {all} core rules have a passing test ({}.{} %); {} tests ran.",
            tenths / 10,
            tenths % 10,
            self.tests_run,
        )
    }
}
