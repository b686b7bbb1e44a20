//! Counting descriptors, alone in a process: no other test opens one meanwhile.

use std::fs::File;
use std::io;

use beacon::resources::fds;
use beacon::resources::fds::Reserve;
use beacon::telemetry::Collect;
use beacon::telemetry::Page;
use beacon::telemetry::Process;
use beacon::telemetry::Sight;
use nix::sys::resource::Resource;
use nix::sys::resource::setrlimit;

/// One test, since its steps are about the whole process.
#[test]
fn descriptors_are_counted_raised_and_reserved_even_when_none_is_left() -> io::Result<()> {
    let before = fds::open()?;
    let three = [0; 3].map(|_| File::open("/dev/null"));
    assert_eq!(fds::open()?, before + 3);
    drop(three);
    assert_eq!(fds::open()?, before);

    let hard = fds::limit()?.hard;
    setrlimit(Resource::RLIMIT_NOFILE, before + 8, hard)?;
    let mut reserve = Reserve::new()?;
    let mut all: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert!(File::open("/dev/null").is_err(), "none is left");
    if fds_cost_nothing_to_count()? {
        assert_eq!(fds::open()?, before + 1 + all.len() as u64);
        let mut page = Page::default();
        Process.collect(&mut page);
        let shown = format!("process_open_fds {}\n", before + 1 + all.len() as u64);
        assert!(page.prometheus().contains(&shown), "{}", page.prometheus());
        let sight = Sight::take(&[], &[])?;
        assert!(sight.process.descriptors_load() > 0.9, "{sight:?}");
    }
    let opened = reserve.with_one_free(|| File::open("/dev/null").map(drop));
    assert!(opened.is_ok());
    assert!(reserve.is_held());

    all.push(reserve.with_one_free(|| File::open("/dev/null"))?);
    assert!(!reserve.is_held(), "the work kept it");
    all.clear();
    reserve.with_one_free(|| ());
    assert!(reserve.is_held());

    assert_eq!(
        fds::raise_soft_limit(before + 100)?,
        (before + 100).min(hard)
    );
    assert_eq!(fds::limit()?.soft, (before + 100).min(hard));
    assert_eq!(fds::raise_soft_limit(u64::MAX)?, hard, "as far as it goes");
    Ok(())
}

/// Since Linux 6.2; before, the length is zero.
fn fds_cost_nothing_to_count() -> io::Result<bool> {
    Ok(std::fs::metadata("/proc/self/fd")?.len() > 0)
}
