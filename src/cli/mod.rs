//! The command: from what was typed to an exit code.
//!
//! - [`args`]: what was typed; [`plan`]: what it means, or why it means nothing
//! - [`publish`], [`run`], [`browse`], [`resolve`], [`lookup`]: the verbs
//! - [`supervisor`]: the process between `run` and its command
//! - [`stage`]: where a verb waits and speaks
//! - [`interrupt`]: signals, and a reader that went away
//! - [`output`]: the thread that writes; [`line`], [`json`], [`text`]: what it writes
//! - [`exit`]: why a verb ended, and the exit code for it

mod args;
mod browse;
mod exit;
mod interrupt;
mod json;
mod line;
mod lookup;
mod output;
mod plan;
mod publish;
mod resolve;
mod run;
mod stage;
mod supervisor;
mod text;

use std::io;
use std::process::ExitCode;

use beacon::Beacon;
use beacon::Error;
use clap::Parser;

use crate::cli::args::Args;
use crate::cli::exit::Ended;
use crate::cli::exit::Outcome;
use crate::cli::interrupt::Caught;
use crate::cli::interrupt::Interrupts;
use crate::cli::plan::Plan;
use crate::cli::plan::Task;
use crate::cli::stage::Stage;

/// Does what the command line says.
pub(crate) fn run() -> ExitCode {
    let caught = Caught::first();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Whoever does not read the help can be left at once.
            caught.iter().for_each(Caught::force);
            return exit::show_usage(&error);
        }
    };
    start_log(args.verbosity());
    let ended = Plan::read(args)
        .map_err(Ended::Failed)
        .and_then(|plan| carry_out(&plan, caught));
    exit::tell(&ended)
}

fn carry_out(plan: &Plan, caught: io::Result<Caught>) -> Result<Outcome, Ended> {
    if let Task::Supervise(command) = &plan.task {
        let doing = "run the command";
        let code = supervisor::supervise(command);
        let code = code.map_err(|source| Error::System { doing, source })?;
        return Ok(Outcome::Command(code));
    }
    let interrupts = caught.and_then(Interrupts::listen).map_err(|source| {
        let doing = "listen for signals";
        Error::System { doing, source }
    })?;
    let beacon = Beacon::start(plan.config.clone())?;
    let mut stage = Stage::set(plan, interrupts)?;
    let outcome = match &plan.task {
        Task::Publish(services) => publish::run(beacon, &mut stage, services),
        Task::Run(service, command) => run::run(beacon, &mut stage, (**service).clone(), command),
        Task::Supervise(_) => unreachable!("it needs no link"),
        Task::Browse(wanted) => browse::run(&beacon, &mut stage, wanted),
        Task::Resolve(instance) => resolve::run(&beacon, &mut stage, instance),
        Task::Lookup(host) => lookup::run(beacon, &mut stage, host),
    };
    let written = stage.finish();
    let outcome = outcome?;
    written.map(|()| outcome)
}

/// Writes what the library says of itself to standard error: warnings, or what `RUST_LOG` asks
/// for, or more with each `-v`.
fn start_log(verbosity: u8) {
    let level = match verbosity {
        0 => {
            return env_logger::init_from_env(env_logger::Env::default().default_filter_or("warn"));
        }
        1 => log::LevelFilter::Info,
        2 => log::LevelFilter::Debug,
        _ => log::LevelFilter::Trace,
    };
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .filter_module("beacon", level)
        .init();
}
