//! Which path leads where.

use std::fmt::Write;
use std::net::SocketAddr;

use beacon::lifecycle::Term;
use serde_json::Value;
use serde_json::json;

#[cfg(feature = "heap-profile")]
use crate::cli::heap;
use crate::cli::serve::House;
use crate::cli::serve::http::Request;
use crate::cli::serve::http::Response;
use crate::cli::serve::http::Status;
use crate::cli::state;

/// Answers a request that is for us.
pub(crate) fn answer(house: &House, request: &Request, peer: SocketAddr) -> Response {
    match &*request.path {
        "/metrics" => Response::metrics(house.registry().prometheus()),
        "/metrics.json" => Response::json(house.registry().json()),
        "/healthz" => health(house),
        "/debug/tasks" => Response::text(Status::Fine, tasks_text(house)),
        "/debug/tasks.json" => Response::json(tasks(house).to_string()),
        "/debug/budgets" => Response::text(Status::Fine, budgets_text(house)),
        "/debug/budgets.json" => Response::json(budgets(house).to_string()),
        "/debug/heap" => heap(peer),
        _ => Status::NotFound.into(),
    }
}

/// Asks the loop for something small: it has as long to answer as any call.
fn health(house: &House) -> Response {
    match house.beacon.figures() {
        Ok(_) => Response::text(Status::Fine, "ok\n"),
        Err(error) => Response::text(Status::Unavailable, format!("{error}\n")),
    }
}

fn tasks(house: &House) -> Value {
    let tasks = house.tasks().map(|task| {
        json!({
            "name": task.name,
            "kind": task.kind,
            "age": task.age.as_secs_f64(),
            "standing": task.term == Term::Standing,
        })
    });
    tasks.collect()
}

fn tasks_text(house: &House) -> String {
    let mut text = String::new();
    for task in house.tasks() {
        let age = task.age.as_secs_f64();
        let term = if task.term == Term::Standing {
            "standing"
        } else {
            "passing"
        };
        writeln!(
            text,
            "{:<NAME_WIDTH$}{age:>NUMBER_WIDTH$.3} s  {term}",
            task.name
        )
        .expect("a string takes everything");
    }
    text
}

fn budgets(house: &House) -> Value {
    let budgets = house.budgets().into_iter().map(|usage| {
        json!({
            "name": &*usage.name,
            "depth": usage.depth,
            "limit": usage.limit.to_string(),
            "used": usage.used,
            "peak": usage.peak,
            "denied": usage.denied,
            "waiting": usage.waiting,
        })
    });
    budgets.collect()
}

fn budgets_text(house: &House) -> String {
    let mut text = String::new();
    state::write_resources(&mut text, &house.budgets());
    text
}

/// Tells what is allocated at this moment, while a profile is made. By whom is written at its end:
/// the profiler tells nobody before.
#[cfg(feature = "heap-profile")]
fn heap(peer: SocketAddr) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        return Status::Forbidden.into();
    }
    match heap::figures() {
        Some(figures) => Response::json(figures.to_string()),
        None => Response::text(Status::NotFound, "start it with BEACON_HEAP_PROFILE=FILE\n"),
    }
}

/// Without a profiler there is nothing to tell.
#[cfg(not(feature = "heap-profile"))]
fn heap(_: SocketAddr) -> Response {
    Status::NotFound.into()
}

const NAME_WIDTH: usize = 20;
const NUMBER_WIDTH: usize = 12;
