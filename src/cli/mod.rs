//! The command: from what was typed to an exit code.
//!
//! - [`args`]: what was typed; [`plan`]: what it means, or why it means nothing
//! - [`publish`], [`run`], [`browse`], [`types`], [`resolve`], [`lookup`], [`query`],
//!   [`serve`], [`watch`], [`doctor`]: the verbs
//! - [`search`]: what `browse`, `watch` and `serve` look for
//! - [`supervisor`]: the process between `run` and its command; [`transcript`]: what that one
//!   says, in [`lines`]
//! - [`stage`]: where a verb waits and speaks; [`state`]: how things stand, for who asks
//! - [`interrupt`]: signals, and a reader that went away
//! - [`output`]: the thread that writes; [`line`], [`json`], [`text`], [`data`]: what it writes;
//!   [`aside`]: the one that writes to standard error
//! - `heap`: who allocated what, with the feature `heap-profile`
//! - [`farewell`]: how it ended; [`exit`]: why, and the exit code for it

mod args;
mod aside;
mod browse;
mod data;
mod doctor;
mod exit;
mod farewell;
#[cfg(feature = "heap-profile")]
mod heap;
mod interrupt;
mod json;
mod line;
mod lines;
mod lookup;
mod output;
mod plan;
mod publish;
mod query;
mod resolve;
mod run;
mod search;
mod serve;
mod stage;
mod state;
mod supervisor;
mod text;
mod transcript;
mod types;
mod watch;

use std::env;
use std::io;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Weak;

use beacon::Beacon;
use beacon::Error;

use crate::cli::args::Args;
use crate::cli::aside::Aside;
use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::interrupt::Interrupts;
use crate::cli::plan::Plan;
use crate::cli::plan::Task;
use crate::cli::stage::Stage;

/// Does what the command line says.
pub(crate) fn run() -> ExitCode {
    let code = obey();
    aside::finish();
    code
}

fn obey() -> ExitCode {
    // Before anything else, so that a signal during the start is not the end of the process.
    let interrupts = Interrupts::listen();
    let args = match Args::read(env::args_os()) {
        Ok(args) => args,
        Err(error) => return exit::show_usage(&error),
    };
    start_log(args.verbosity());
    let ended = Plan::read(args)
        .map_err(Ended::Failed)
        .and_then(|plan| carry_out(&plan, interrupts));
    exit::tell(&ended)
}

fn carry_out(plan: &Plan, interrupts: io::Result<Interrupts>) -> Result<Outcome, Ended> {
    let interrupts = interrupts.map_err(|source| {
        let doing = "listen for signals";
        Error::System { doing, source }
    })?;
    if let Task::Supervise(command) = &plan.task {
        // Only a pipe ends it: a signal would leave the command alone. They stay caught.
        drop(interrupts);
        return supervisor::supervise(command).map(Outcome::Command);
    }
    #[cfg(feature = "heap-profile")]
    let _profile = heap::profile();
    if let Task::Doctor = &plan.task {
        let mut stage = Stage::set(plan, interrupts, Weak::new())?;
        let outcome = doctor::run(&plan.config, &mut stage);
        return end(stage, outcome);
    }
    let beacon = Arc::new(Beacon::start(plan.config.clone())?);
    let mut stage = Stage::set(plan, interrupts, Arc::downgrade(&beacon))?;
    let outcome = match &plan.task {
        Task::Publish(services) => publish::run(beacon, &mut stage, services),
        Task::Run(wanted) => run::run(beacon, &mut stage, wanted),
        Task::Lookup(host) => lookup::run(beacon, &mut stage, host),
        Task::Serve(at) => serve::run(beacon, &mut stage, at),
        task => {
            let outcome = look(task, &beacon, &mut stage);
            farewell::farewell(beacon, plan.format);
            outcome
        }
    };
    end(stage, outcome)
}

/// Does what owes the link no goodbye.
fn look(task: &Task, beacon: &Beacon, stage: &mut Stage) -> Result<Outcome, Ended> {
    match task {
        Task::Browse(wanted) => browse::run(beacon, stage, wanted),
        Task::Resolve(instance) => resolve::run(beacon, stage, instance),
        Task::Types => types::run(beacon, stage),
        Task::Reverse(address) => query::reverse(beacon, stage, *address),
        Task::Query(question) => query::run(beacon, stage, question),
        Task::Watch(wanted) => watch::run(beacon, stage, wanted),
        Task::Publish(_) | Task::Run(_) | Task::Lookup(_) | Task::Serve(_) => {
            unreachable!("it ends by itself")
        }
        Task::Supervise(_) | Task::Doctor => unreachable!("it needs no Beacon"),
    }
}

/// Waits until all is written.
fn end(stage: Stage, outcome: Result<Outcome, Ended>) -> Result<Outcome, Ended> {
    let written = stage.finish();
    let outcome = outcome?;
    written.map(|()| outcome)
}

/// Writes what the library says of itself to standard error: warnings, or what `RUST_LOG` asks
/// for, or more with each `-v`.
fn start_log(verbosity: u8) {
    let level = match verbosity {
        0 => None,
        1 => Some(log::LevelFilter::Info),
        2 => Some(log::LevelFilter::Debug),
        _ => Some(log::LevelFilter::Trace),
    };
    let mut log = env_logger::Builder::new();
    if let Some(level) = level {
        log.filter_level(log::LevelFilter::Warn);
        log.filter_module("beacon", level);
    } else {
        log.parse_env(env_logger::Env::default().default_filter_or("warn"));
    }
    let mut unsaid = COLOR_SETTINGS.iter().map(env::var_os);
    if io::stderr().is_terminal() && unsaid.all(|setting| setting.is_none()) {
        log.write_style(env_logger::WriteStyle::Always);
    }
    log.target(env_logger::Target::Pipe(Box::new(Aside)));
    log.init();
}

/// What decides about colors when it is set.
const COLOR_SETTINGS: [&str; 2] = ["NO_COLOR", "RUST_LOG_STYLE"];
