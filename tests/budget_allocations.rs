//! Leases cost no allocation, whether they are granted or refused.

use std::time::Duration;

use allocations::Counting;
use allocations::count;
use beacon::resources::Budget;
use beacon::resources::Limit;
use beacon::resources::lease_all;
use beacon::stop::Stop;

mod allocations;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn leases_granted_or_refused_cost_no_allocation() {
    let root = Budget::root("root", Limit::At(10));
    let child = root.child(String::from("made at run time"), Limit::At(5));
    let stop = Stop::new();
    drop(child.lease(1, &stop)); // The thread's own ledger is made the first time.
    drop(lease_all([(&root, 1), (&child, 1)], &stop));

    let allocations = count(|| {
        for _ in 0..100 {
            let mut lease = child.try_lease(3).expect("5 fit");
            lease.try_grow(1).expect("5 fit");
            let split = lease.split(2);
            assert!(child.try_lease(2).is_err());
            drop((lease, split));
            drop(child.lease(5, &stop.within(Duration::from_secs(1))));
            drop(lease_all([(&root, 1), (&child, 1)], &stop));
        }
    });

    assert_eq!(allocations, 0);
    let counted = count(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(counted, 1, "they are counted");
}
