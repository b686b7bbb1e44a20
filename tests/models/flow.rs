//! Buckets, pools, queues and journals: nothing granted twice, nothing lost, nobody left asleep.

use std::time::Duration;
use std::time::Instant;

use beacon::resources::CursorError;
use beacon::resources::Ended;
use beacon::resources::Journal;
use beacon::resources::Overflow;
use beacon::resources::Pool;
use beacon::resources::Quota;
use beacon::resources::TokenBucket;
use beacon::resources::Unsent;
use beacon::resources::queue;
use beacon::stop::Reason;
use beacon::stop::Stop;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering::SeqCst;
use loom::thread;

use crate::THREE_THREADS;
use crate::TWO_THREADS;
use crate::explore;

#[test]
fn a_bucket_grants_a_burst_and_one_an_hour_whoever_reads_the_older_clock() {
    explore(THREE_THREADS, || {
        let start = Instant::now();
        let bucket = Arc::new(TokenBucket::new(Quota::every(HOUR).burst(2), start));
        let take = |hours: u32| {
            let bucket = Arc::clone(&bucket);
            move || {
                (0..2)
                    .filter(|_| bucket.check_at(start + hours * HOUR, 1).is_ok())
                    .count()
            }
        };
        let others = [thread::spawn(take(1)), thread::spawn(take(0))];
        let mine = take(1)();

        let granted = mine
            + others
                .map(|other| other.join().unwrap())
                .iter()
                .sum::<usize>();
        assert!((2..=3).contains(&granted), "{granted} in an hour");
    });
}

#[test]
fn a_refund_is_never_lost() {
    explore(TWO_THREADS, || {
        let start = Instant::now();
        let bucket = Arc::new(TokenBucket::new(Quota::every(HOUR).burst(2), start));
        let take_and_refund = move |bucket: &TokenBucket| {
            if bucket.check_at(start, 1).is_ok() {
                bucket.refund(1);
            }
        };
        let other = thread::spawn({
            let bucket = Arc::clone(&bucket);
            move || take_and_refund(&bucket)
        });
        take_and_refund(&bucket);
        other.join().unwrap();

        assert_eq!(bucket.available_at(start), 2);
    });
}

#[test]
fn an_object_is_lent_to_one_at_a_time_and_comes_back() {
    explore(THREE_THREADS, || {
        let pool = Arc::new(Pool::with_reset(
            2,
            || AtomicU64::new(0),
            |held| {
                assert_eq!(held.fetch_sub(1, SeqCst), 1);
            },
        ));
        let borrow = |pool: &Pool<AtomicU64>| {
            for _ in 0..2 {
                if let Some(object) = pool.try_take() {
                    assert_eq!(object.fetch_add(1, SeqCst), 0, "somebody else has it");
                }
            }
        };
        let others = [(); 2].map(|()| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || borrow(&pool))
        });
        borrow(&pool);
        others.into_iter().for_each(|other| other.join().unwrap());

        assert_eq!(pool.usage().used, 0);
        let all = [pool.try_take(), pool.try_take(), pool.try_take()];
        assert_eq!(all.each_ref().map(Option::is_some), [true, true, false]);
        for object in all.iter().flatten() {
            object.fetch_add(1, SeqCst);
        }
    });
}

#[test]
fn one_who_alone_needs_an_object_always_gets_it() {
    explore(TWO_THREADS, || {
        let pool = Arc::new(Pool::new(2, || ()));
        let other = thread::spawn({
            let pool = Arc::clone(&pool);
            move || (0..2).all(|_| pool.try_take().is_some())
        });

        assert!(
            (0..2).all(|_| pool.try_take().is_some()),
            "there is one for each"
        );
        assert!(other.join().unwrap());
    });
}

#[test]
fn every_value_is_received_once_and_nobody_sleeps_on() {
    explore(THREE_THREADS, || {
        let (sender, receiver) = queue("one place", 1, Overflow::Block);
        let receivers = [(); 2].map(|()| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.recv(&Stop::new()))
        });
        for value in 0..2 {
            assert_eq!(sender.send(value, &Stop::new()), Ok(()));
        }

        let mut received = receivers.map(|receiver| receiver.join().unwrap());
        received.sort_unstable_by_key(|value| value.ok());
        assert_eq!(received, [Ok(0), Ok(1)]);
    });
}

#[test]
fn the_last_sender_wakes_whoever_waits() {
    explore(THREE_THREADS, || {
        let (sender, receiver) = queue::<u8>("closing", 1, Overflow::Block);
        let other = sender.clone();
        let dropper = thread::spawn(move || drop(other));
        let waiter = thread::spawn(move || receiver.recv(&Stop::new()));
        drop(sender);

        assert_eq!(waiter.join().unwrap(), Err(Ended::Closed));
        dropper.join().unwrap();
    });
}

#[test]
fn a_stop_beside_a_value_loses_neither_the_value_nor_the_waiter() {
    explore(THREE_THREADS, || {
        let (sender, receiver) = queue("stopped", 1, Overflow::Block);
        let stop = Stop::new();
        let waiter = thread::spawn({
            let (receiver, stop) = (receiver.clone(), stop.clone());
            move || receiver.recv(&stop)
        });
        let stopper = thread::spawn(move || stop.stop(Reason::Requested));
        assert_eq!(sender.try_send(7), Ok(()));

        stopper.join().unwrap();
        match waiter.join().unwrap() {
            Ok(value) => assert_eq!((value, receiver.try_recv()), (7, None)),
            Err(ended) => {
                assert_eq!(ended, Ended::Stopped(Reason::Requested));
                assert_eq!(receiver.try_recv(), Some(7));
            }
        }
    });
}

#[test]
fn a_sender_that_waits_is_woken_by_a_place_or_by_the_end() {
    explore(THREE_THREADS, || {
        let (sender, receiver) = queue("full", 1, Overflow::Block);
        assert_eq!(sender.try_send(1), Ok(()));
        let waiter = thread::spawn(move || sender.send(2, &Stop::new()));
        let other = receiver.clone();
        let closer = thread::spawn(move || other.close());

        assert_eq!(receiver.try_recv(), Some(1));
        closer.join().unwrap();
        match waiter.join().unwrap() {
            Ok(()) => assert_eq!(receiver.try_recv(), Some(2)),
            Err(unsent) => assert!(unsent == Unsent::Closed(2)),
        }
    });
}

#[test]
fn a_queue_that_drops_the_oldest_accounts_for_every_value() {
    explore(TWO_THREADS, || {
        let (sender, receiver) = queue("newest", 1, Overflow::DropOldest);
        let other = thread::spawn({
            let sender = sender.clone();
            move || sender.try_send(1)
        });
        assert_eq!(sender.try_send(2), Ok(()));
        let early = receiver.try_recv();

        assert_eq!(other.join().unwrap(), Ok(()));
        let received = early.into_iter().chain(receiver.drain()).count() as u64;
        assert_eq!(received + receiver.drops().total, 2);
    });
}

#[test]
fn a_reader_gets_every_entry_or_a_gap_and_then_the_end() {
    explore(THREE_THREADS, || {
        let now = Instant::now();
        let journal = Journal::new(1, HOUR);
        let readers = [(); 2].map(|()| {
            let mut cursor = journal.tail();
            thread::spawn(move || {
                let mut seen = 0;
                loop {
                    match cursor.next(&Stop::new()) {
                        Ok((number, entry)) => assert_eq!((number, entry), (seen + 1, number)),
                        Err(CursorError::Gap(gap)) => assert_eq!(gap.oldest, seen + gap.lost + 1),
                        Err(_) => return seen,
                    }
                    seen = cursor.position();
                }
            })
        });
        journal.publish(now, 1);
        journal.publish(now, 2);
        drop(journal);

        assert_eq!(readers.map(|reader| reader.join().unwrap()), [2, 2]);
    });
}

#[test]
fn an_entry_wakes_every_reader_that_waits() {
    explore(THREE_THREADS, || {
        let journal = Journal::new(1, HOUR);
        let readers = [(); 2].map(|()| {
            let mut cursor = journal.tail();
            thread::spawn(move || cursor.next(&Stop::new()))
        });
        journal.publish(Instant::now(), 'a');

        let read = readers.map(|reader| reader.join().unwrap());
        assert_eq!(read, [Ok((1, 'a')); 2]);
    });
}

#[test]
fn a_reader_that_is_stopped_wakes() {
    explore(TWO_THREADS, || {
        let journal = Journal::<u8>::new(1, HOUR);
        let stop = Stop::new();
        let reader = thread::spawn({
            let (mut cursor, stop) = (journal.tail(), stop.clone());
            move || cursor.next(&stop)
        });
        stop.stop(Reason::Requested);

        let stopped = CursorError::Stopped(Reason::Requested);
        assert_eq!(reader.join().unwrap(), Err(stopped));
    });
}

const HOUR: Duration = Duration::from_secs(3600);
