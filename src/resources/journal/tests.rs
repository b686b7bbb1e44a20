//! What a journal promises.

use std::thread;

use proptest::prelude::prop;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::resources::DropReason;
use crate::stop::Reason;
use crate::stop::Stop;

use super::*;

#[test]
fn entries_that_count_for_more_bytes_than_can_be_counted_are_taken_in() {
    let now = Instant::now();
    let journal = Journal::new(4, Duration::MAX).bytes_max(usize::MAX, |_| usize::MAX);

    let numbers = ["a", "b", "c"].map(|entry| journal.publish(now, entry));

    assert_eq!((numbers, journal.last()), ([1, 2, 3], 3));
}

#[test]
fn from_the_head_all_that_is_kept_is_read_and_what_comes() {
    let now = Instant::now();
    let journal = Journal::new(2, Duration::from_secs(10));
    let mut early = journal.head(now);
    for entry in ["a", "b", "c"] {
        journal.publish(now, entry);
    }

    let mut late = journal.head(now);
    let nothing = journal.head(now + Duration::from_secs(10)).try_next(now);

    assert_eq!(early.try_next(now), Err(Gap { oldest: 2, lost: 1 }));
    let read = [(); 3].map(|()| late.try_next(now));
    assert_eq!(read, [Ok(Some((2, "b"))), Ok(Some((3, "c"))), Ok(None)]);
    assert_eq!(nothing, Ok(None));
}

#[test]
fn a_reader_gets_every_entry_in_order_or_is_told_what_he_lost() {
    let now = Instant::now();
    let journal = Journal::new(3, HOUR);
    let (mut prompt, mut slow) = (journal.tail(), journal.tail());

    for entry in 1..=8 {
        assert_eq!(journal.publish(now, entry), entry);
        assert_eq!(prompt.try_next(now), Ok(Some((entry, entry))));
    }
    assert_eq!(slow.lag(), 8);
    assert_eq!(slow.try_next(now), Err(Gap { oldest: 6, lost: 5 }));
    let rest = [(); 4].map(|()| slow.try_next(now).expect("the gap was told once"));

    assert_eq!(rest, [Some((6, 6)), Some((7, 7)), Some((8, 8)), None]);
    assert_eq!((slow.lag(), slow.position()), (0, 8));
    let drops = slow.read_drops();
    assert_eq!((drops.total, drops.since_read), (5, 5));
    assert_eq!(drops.reason, Some(DropReason::SlowReader));
    assert_eq!((slow.drops().total, slow.drops().since_read), (5, 0));
    assert_eq!(prompt.drops(), crate::resources::Drops::default());
}

#[test]
fn an_entry_is_kept_until_its_time_is_over() {
    let now = Instant::now();
    let journal = Journal::new(10, HOUR);
    let (mut early, mut late) = (journal.tail(), journal.tail());
    journal.publish(now, 'a');
    journal.publish(now + HOUR / 2, 'b');
    let nanosecond = Duration::from_nanos(1);

    assert_eq!(early.try_next(now + HOUR - nanosecond), Ok(Some((1, 'a'))));
    assert_eq!(late.try_next(now + HOUR), Err(Gap { oldest: 2, lost: 1 }));
    assert_eq!(late.drops().reason, Some(DropReason::Expired));
    assert_eq!(journal.kept(now + HOUR), 1);
    assert_eq!(
        late.try_next(now + 2 * HOUR),
        Err(Gap { oldest: 3, lost: 1 })
    );
    assert_eq!(late.try_next(now + 2 * HOUR), Ok(None));

    assert_eq!(journal.publish(now + 2 * HOUR, 'c'), 3, "which drops both");
    assert_eq!(
        early.try_next(now + 2 * HOUR),
        Err(Gap { oldest: 3, lost: 1 })
    );
    assert_eq!(early.drops().reason, Some(DropReason::Expired));
    assert_eq!(early.try_next(now + 2 * HOUR), Ok(Some((3, 'c'))));
}

#[test]
fn a_replay_goes_on_after_the_number_or_says_why_not() {
    let now = Instant::now();
    let journal = Journal::new(3, HOUR);
    let epoch = journal.epoch();
    let ask = |after| {
        journal
            .replay(epoch, after, now)
            .map(|mut cursor| cursor.try_next(now))
    };
    assert!(matches!(ask(0), Ok(Ok(None))), "nothing yet, nothing lost");
    (1..=5).for_each(|entry| assert_eq!(journal.publish(now, entry), entry));

    assert_eq!(ask(2), Ok(Ok(Some((3, 3)))));
    assert_eq!(ask(5), Ok(Ok(None)));
    assert_eq!(ask(0), Err(ReplayError::Gap(Gap { oldest: 3, lost: 2 })));
    assert_eq!(ask(1), Err(ReplayError::Gap(Gap { oldest: 3, lost: 1 })));
    assert_eq!(ask(6), Err(ReplayError::Unknown));
    let other = Journal::<u8>::new(3, HOUR);
    assert_ne!(other.epoch(), epoch);
    assert!(epoch < 1 << 53);
    assert_eq!(
        journal.replay(other.epoch(), 4, now).err(),
        Some(ReplayError::Unknown)
    );
}

#[test]
fn whoever_waits_is_woken_by_an_entry_a_stop_or_the_end() {
    let journal = Journal::new(4, HOUR);
    let stop = Stop::new();
    thread::scope(|scope| {
        let readers = [(); 3].map(|()| {
            let mut cursor = journal.tail();
            let stop = &stop;
            scope.spawn(move || [cursor.next(stop), cursor.next(stop)])
        });
        journal.publish(Instant::now(), 'x');
        let woken = |reader: thread::ScopedJoinHandle<'_, _>| reader.join().unwrap();
        stop.stop(Reason::Failed);
        let stopped = Err(CursorError::Stopped(Reason::Failed));
        for outcomes in readers.map(woken) {
            assert_eq!(outcomes, [Ok((1, 'x')), stopped]);
        }
    });

    let mut cursor = journal.tail();
    let reader = thread::spawn(move || (cursor.next(&Stop::new()), cursor));
    drop(journal);
    let (outcome, cursor) = reader.join().unwrap();
    assert_eq!(outcome, Err(CursorError::Closed));
    assert_eq!(
        Arc::strong_count(&cursor_shared(&cursor)),
        2,
        "this one, and the cursor's"
    );
}

#[test]
fn readers_beside_a_writer_miss_nothing_unsaid() {
    let journal = Journal::new(16, HOUR);
    let heard = thread::scope(|scope| {
        let readers = [(); 3].map(|()| {
            let mut cursor = journal.tail();
            scope.spawn(move || {
                let (mut last, mut heard, mut lost) = (0, 0, 0);
                loop {
                    match cursor.next(&Stop::new()) {
                        Ok((number, entry)) => {
                            assert_eq!((number, entry), (last + 1, number * 2));
                            (last, heard) = (number, heard + 1);
                        }
                        Err(CursorError::Gap(gap)) => {
                            assert_eq!(last + gap.lost + 1, gap.oldest);
                            (last, lost) = (gap.oldest - 1, lost + gap.lost);
                        }
                        Err(_) => return (heard + lost, lost == cursor.drops().total),
                    }
                }
            })
        });
        for number in 1..=20_000 {
            journal.publish(Instant::now(), number * 2);
        }
        journal.close();
        readers.map(|reader| reader.join().unwrap())
    });

    assert_eq!(heard, [(20_000, true); 3]);
}

#[test]
fn what_is_kept_has_no_more_bytes_than_it_may_and_an_entry_of_more_is_lost() {
    let now = Instant::now();
    let journal = Journal::new(9, HOUR);
    journal.publish(now, "before");
    let journal = journal.bytes_max(8, |entry: &&str| entry.len());
    let mut reader = journal.tail();
    let lens = ["four", "and", "one", "5ive5", "ninebytes", "", "eighteen"].map(|entry| {
        journal.publish(now, entry);
        let mut all = journal.head(now);
        let kept = std::iter::from_fn(|| all.try_next(now).unwrap());
        kept.map(|(_, entry)| entry.len()).collect::<Vec<_>>()
    });

    let expected: [&[usize]; 7] = [&[4], &[4, 3], &[3, 3], &[3, 5], &[], &[0], &[0, 8]];
    assert_eq!(lens, expected);
    assert_eq!(reader.try_next(now), Err(Gap { oldest: 7, lost: 5 }));
    assert_eq!(reader.try_next(now), Ok(Some((7, ""))));
}

#[test]
fn clocks_read_in_another_order_make_no_entry_older_than_one_before_it() {
    let now = Instant::now();
    let journal = Journal::new(4, HOUR);
    let mut cursor = journal.tail();
    journal.publish(now + HOUR / 2, 1);
    journal.publish(now, 2);

    let later = now + HOUR;

    assert_eq!(cursor.try_next(later), Ok(Some((1, 1))));
    assert_eq!(cursor.try_next(later), Ok(Some((2, 2))));
}

proptest! {
    #[test]
    fn what_is_read_and_what_is_lost_is_all_there_was(
        capacity in 0..5_usize,
        steps in prop::collection::vec((0..8_u8, 0..4_u32), 0..80),
    ) {
        let start = Instant::now();
        let ttl = 10 * SECOND;
        let journal = Journal::new(capacity, ttl);
        let mut cursor = journal.tail();
        let (mut now, mut published) = (start, Vec::new());
        let mut accounted = 0_u64;
        for (kind, wait) in steps {
            now += wait * SECOND;
            if kind < 4 {
                published.push(now);
                prop_assert_eq!(journal.publish(now, now), published.len() as u64);
                continue;
            }
            // What is kept: the last `capacity`, as far as they are not too old.
            let first = published.len().saturating_sub(capacity.max(1));
            let is_kept = |at: &usize| *at >= first && now - published[*at] < ttl;
            let oldest = (0..published.len()).find(is_kept).unwrap_or(published.len());
            let at = usize::try_from(accounted).unwrap();
            if at < oldest {
                let gap = Gap { oldest: oldest as u64 + 1, lost: (oldest - at) as u64 };
                prop_assert_eq!(cursor.try_next(now), Err(gap));
                accounted += gap.lost;
            } else {
                let entry = published.get(at).map(|time| (accounted + 1, *time));
                prop_assert_eq!(cursor.try_next(now), Ok(entry));
                accounted += u64::from(entry.is_some());
            }
        }
        prop_assert_eq!(cursor.lag(), published.len() as u64 - accounted);
    }
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn cursor_shared<T>(cursor: &Cursor<T>) -> Arc<Shared<T>> {
    Arc::clone(&cursor.shared)
}
