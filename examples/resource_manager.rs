//! Agents share named resources: each has a quota, some wait, one is refused, one pool grows, and
//! a deadlock is found before it happens.
//!
//! ```console
//! $ cargo run --example resource_manager
//! ```
//!
//! A quota is a budget below the budget of its pool: a lease on it is a lease on both, and an error
//! names the one that refused.

use std::error::Error;
use std::thread;
use std::time::Duration;

use beacon::resources::AcquireError;
use beacon::resources::Budget;
use beacon::resources::Limit;
use beacon::resources::lease_all;
use beacon::stop::Stop;

fn main() -> Result<(), Box<dyn Error>> {
    let all = Budget::root("agents", Limit::Unlimited);
    let printers = all.child("printers", Limit::At(3));
    let scanners = all.child("scanners", Limit::At(1));
    let (alice, bob) = (
        printers.child("printers: alice", Limit::At(2)),
        printers.child("printers: bob", Limit::At(2)),
    );

    let of_alice = alice.try_lease(2)?;
    println!("alice takes two printers");
    let refused = alice.try_lease(1).expect_err("her quota is two");
    println!("a third is refused: {refused}");
    let of_bob = bob.try_lease(1)?;
    let refused = bob.try_lease(1).expect_err("the pool is three");
    println!("bob has one, and a second is refused: {refused}");

    let late = bob.lease(1, &Stop::new().within(Duration::from_millis(50)));
    println!(
        "he waits for 50 ms: {}",
        late.expect_err("nobody gives back")
    );
    printers.set_limit(Limit::At(4));
    let second = bob.lease(1, &Stop::new().within(Duration::from_secs(5)))?;
    println!("the pool grows to four, and he has his second");
    drop((of_alice, of_bob, second));

    deadlock(&printers, &scanners)?;
    copy(&printers, &scanners)?;

    println!(
        "\n{:<18} {:>5} {:>5} {:>5} {:>7} {:>6}",
        "budget", "used", "peak", "of", "granted", "denied"
    );
    for usage in all.tree() {
        println!(
            "{:<18} {:>5} {:>5} {:>5} {:>7} {:>6}",
            format!("{:1$}{2}", "", 2 * usage.depth as usize, usage.name),
            usage.used,
            usage.peak,
            usage.limit.to_string(),
            usage.granted,
            usage.denied
        );
    }
    Ok(())
}

/// One holds the scanner and wants a printer, the other the other way round: whoever asks last is
/// told, gives back what he has, and the first goes on.
fn deadlock(printers: &Budget, scanners: &Budget) -> Result<(), AcquireError> {
    let stop = Stop::new().within(Duration::from_secs(10));
    let all_printers = printers.lease(4, &stop)?;
    thread::scope(|scope| {
        let carol = thread::Builder::new().name("carol".to_owned());
        let carol = carol.spawn_scoped(scope, || {
            let scanner = scanners.lease(1, &stop)?;
            let printer = printers.lease(1, &stop)?;
            drop((scanner, printer));
            Ok::<_, AcquireError>(())
        });
        let carol = carol.expect("a thread can be started");
        while printers.usage().waiting == 0 {
            thread::yield_now();
        }
        match scanners.lease(1, &stop) {
            Err(AcquireError::WouldDeadlock { cycle }) => {
                println!("a deadlock is found:");
                cycle.iter().for_each(|tie| println!("  {tie}"));
            }
            other => println!("no deadlock? {other:?}"),
        }
        drop(all_printers);
        carol.join().expect("carol does not panic")
    })
}

/// Who takes all that it needs at once holds nothing while it waits: no deadlock can come of it.
fn copy(printers: &Budget, scanners: &Budget) -> Result<(), AcquireError> {
    let stop = Stop::new().within(Duration::from_secs(10));
    thread::scope(|scope| {
        let copiers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| lease_all([(scanners, 1), (printers, 2)], &stop).map(drop)))
            .collect();
        let mut ended = copiers.into_iter();
        ended.try_for_each(|copier| copier.join().expect("no copier panics"))
    })?;
    println!("four copiers take scanner and printers at once, one after the other");
    Ok(())
}
