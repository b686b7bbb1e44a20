//! What a queue promises.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use proptest::prelude::Just;
use proptest::prelude::any;
use proptest::prelude::prop;
use proptest::prop_assert_eq;
use proptest::prop_oneof;
use proptest::proptest;

use crate::resources::DropReason;
use crate::stop::Reason;
use crate::stop::Stop;

use super::*;

#[test]
fn a_sender_waits_for_a_place_and_a_receiver_for_a_value() {
    let (sender, receiver) = queue("numbers", 2, Overflow::Block);
    thread::scope(|scope| {
        let received = scope.spawn(|| {
            let receive = |_| receiver.recv(&Stop::new());
            (0..1000).map(receive).collect::<Result<Vec<_>, _>>()
        });
        for number in 0..1000 {
            assert_eq!(sender.send(number, &Stop::new()), Ok(()));
        }
        assert_eq!(received.join().unwrap(), Ok((0..1000).collect()));
    });
    assert_eq!((sender.usage().sent, sender.drops().total), (1000, 0));
}

#[test]
fn a_wait_ends_with_its_stop_and_the_value_comes_back() {
    let (sender, receiver) = queue("full", 1, Overflow::Block);
    let stop = Stop::new();
    assert_eq!(sender.try_send(1), Ok(()));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| sender.send(2, &stop));
        let watcher = stop.clone();
        scope.spawn(move || watcher.stop(Reason::Failed));
        assert_eq!(
            waiting.join().unwrap(),
            Err(Unsent::Stopped(2, Reason::Failed))
        );
    });

    assert_eq!(
        receiver.recv(&stop),
        Ok(1),
        "what is there is received all the same"
    );
    assert_eq!(
        sender.send(3, &stop),
        Ok(()),
        "and sent where there is room"
    );
    assert_eq!(receiver.try_recv(), Some(3));
    assert_eq!(receiver.recv(&stop), Err(Ended::Stopped(Reason::Failed)));
    let late = Stop::new().within(Duration::ZERO);
    assert_eq!(receiver.recv(&late), Err(Ended::Stopped(Reason::Deadline)));
}

#[test]
fn whoever_waits_when_it_is_closed_goes_on() {
    let (sender, receiver) = queue::<u8>("closing", 1, Overflow::Block);
    thread::scope(|scope| {
        let receivers = [(); 3].map(|()| {
            let receiver = receiver.clone();
            scope.spawn(move || receiver.recv(&Stop::new()))
        });
        sender.close();
        let outcomes = receivers.map(|receiver| receiver.join().unwrap());
        assert_eq!(outcomes, [Err(Ended::Closed); 3]);
    });

    let (sender, receiver) = queue("closing", 1, Overflow::Block);
    assert_eq!(sender.try_send(1), Ok(()));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| sender.send(2, &Stop::new()));
        receiver.close();
        assert_eq!(waiting.join().unwrap(), Err(Unsent::Closed(2)));
    });
    assert_eq!(
        receiver.recv(&Stop::new()),
        Ok(1),
        "what is in can be received"
    );
}

#[test]
fn the_end_comes_after_the_last_value_of_the_last_sender() {
    let (sender, receiver) = queue("line", 4, Overflow::Block);
    let other = sender.clone();
    assert_eq!(sender.try_send(1), Ok(()));
    drop(sender);
    assert_eq!(other.try_send(2), Ok(()));
    drop(other);

    let received = [(); 3].map(|()| receiver.recv(&Stop::new()));

    assert_eq!(received, [Ok(1), Ok(2), Err(Ended::Closed)]);
}

#[test]
fn what_nobody_is_left_to_read_is_dropped_and_counted() {
    let (sender, receiver) = queue("unread", 4, Overflow::DropOldest);
    let alive = std::sync::Arc::new(());
    (0..3).for_each(|_| assert!(sender.try_send(alive.clone()).is_ok()));
    let other = receiver.clone();
    drop(receiver);
    assert_eq!(sender.depth(), 3);

    drop(other);

    let drops = sender.drops();
    assert_eq!((drops.total, drops.reason), (3, Some(DropReason::Closed)));
    assert_eq!(std::sync::Arc::strong_count(&alive), 1);
    assert!(matches!(
        sender.try_send(alive.clone()),
        Err(Unsent::Closed(_))
    ));
}

#[test]
fn many_senders_and_receivers_lose_and_invent_nothing() {
    let (sender, receiver) = queue("busy", 3, Overflow::Block);
    let mut received = thread::scope(|scope| {
        for start in [0, 1000, 2000] {
            let sender = sender.clone();
            scope.spawn(move || {
                for number in start..start + 1000 {
                    sender
                        .send(number, &Stop::new())
                        .expect("somebody receives");
                }
            });
        }
        drop(sender);
        let receivers = [(); 3].map(|()| {
            let receiver = receiver.clone();
            scope.spawn(move || {
                let numbers = std::iter::from_fn(|| receiver.recv(&Stop::new()).ok());
                numbers.collect::<Vec<i32>>()
            })
        });
        receivers.map(|receiver| receiver.join().unwrap()).concat()
    });

    received.sort_unstable();
    assert!(received.into_iter().eq(0..3000));
}

#[test]
fn a_wait_leaves_nothing_in_its_stop() {
    let (sender, receiver) = queue("pings", 1, Overflow::Block);
    let stop = Stop::new();
    for _ in 0..100 {
        let outcome = receiver.recv(&stop.within(Duration::ZERO));
        assert_eq!(outcome, Err(Ended::Stopped(Reason::Deadline)));
    }
    assert_eq!(sender.try_send(1), Ok(()));
    let alive = std::sync::Arc::downgrade(&sender.0);

    drop((sender, receiver));

    assert!(alive.upgrade().is_none());
}

proptest! {
    #[test]
    fn it_is_a_list_that_drops_what_its_overflow_says(
        overflow in prop_oneof![
            Just(Overflow::Block), Just(Overflow::DropNewest), Just(Overflow::DropOldest),
        ],
        capacity in 0..4_usize,
        steps in prop::collection::vec(any::<Option<u8>>(), 0..60),
    ) {
        let (sender, receiver) = queue("model", capacity, overflow);
        let capacity = capacity.max(1);
        let (mut model, mut dropped) = (VecDeque::new(), 0);
        for step in steps {
            let Some(value) = step else {
                prop_assert_eq!(receiver.peek(|value| *value), model.front().copied());
                prop_assert_eq!(receiver.try_recv(), model.pop_front());
                continue;
            };
            let full = model.len() == capacity;
            let fits = !full || overflow == Overflow::DropOldest;
            if full && overflow == Overflow::DropOldest {
                model.pop_front();
            }
            dropped += u64::from(full && overflow != Overflow::Block);
            if fits {
                model.push_back(value);
            }
            let expected = if fits { Ok(()) } else { Err(Unsent::Full(value)) };
            prop_assert_eq!(sender.try_send(value), expected);
            prop_assert_eq!((receiver.depth(), receiver.drops().total), (model.len(), dropped));
        }

        prop_assert_eq!(receiver.drain().collect::<Vec<_>>(), Vec::from(model));
    }
}
