//! Which path leads where.

use std::fmt::Write;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::net::SocketAddr;

use beacon::Error;
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
        "/" => dashboard(),
        "/metrics" => Response::metrics(house.registry().prometheus()),
        "/metrics.json" => Response::json(house.registry().json()),
        // It has as long to answer as any call.
        "/healthz" => health(house.beacon.figures()),
        "/debug/tasks" => Response::text(Status::Fine, tasks_text(house)),
        "/debug/tasks.json" => Response::json(tasks(house).to_string()),
        "/debug/budgets" => Response::text(Status::Fine, budgets_text(house)),
        "/debug/budgets.json" => Response::json(budgets(house).to_string()),
        "/debug/heap" => heap(peer),
        _ => Status::NotFound.into(),
    }
}

/// Returns the page, in which only what we put there is obeyed: it carries a word that nobody could
/// know before.
fn dashboard() -> Response {
    let nonce = format!("{:016x}", RandomState::new().hash_one("nonce"));
    Response::page(PAGE.replace("{{nonce}}", &nonce), &nonce)
}

/// Tells whether the loop answered when it was asked for something small.
fn health<T>(answer: Result<T, Error>) -> Response {
    match answer {
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

const PAGE: &str = include_str!("page.html");

const NAME_WIDTH: usize = 20;
const NUMBER_WIDTH: usize = 12;

#[cfg(test)]
mod tests {
    use beacon::Error;

    use super::{Status, health};

    #[test]
    fn a_loop_that_does_not_answer_in_time_is_not_well() {
        let busy = health::<()>(Err(Error::Busy));

        assert_eq!(busy.status, Status::Unavailable);
        assert!(
            String::from_utf8(busy.bytes(false))
                .unwrap()
                .contains(&Error::Busy.to_string())
        );
        assert_eq!(health(Ok(())).status, Status::Fine);
    }
}
