//! The rolling file beside a list of lines, and what happens when others touch it.

use std::fs;
use std::io::Read;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::prop_oneof;
use proptest::proptest;

use crate::output::Rolling;
use crate::output::tests::folder::Folder;

#[derive(Clone, Debug)]
enum Step {
    Append(String),
    Rewrite(String),
    Reset,
    Reopen,
}

proptest! {
    #[test]
    fn it_is_the_end_of_a_list_of_lines(lines_max in 1..4_usize, steps in vec(step(), 1..60)) {
        let folder = Folder::new();
        let path = folder.file("log");
        let mut rolling = Rolling::open(&path, at_most(lines_max)).unwrap();
        let (mut all, mut current) = (Vec::new(), String::new());
        for step in steps {
            match step {
                Step::Append(line) => {
                    rolling.append(&line).unwrap();
                    all.push(line);
                    current.clear();
                }
                Step::Rewrite(line) => {
                    rolling.rewrite(&line).unwrap();
                    current = line;
                }
                Step::Reset => {
                    rolling.reset().unwrap();
                    all.clear();
                    current.clear();
                }
                Step::Reopen => rolling = Rolling::open(&path, at_most(lines_max)).unwrap(),
            }

            let (lines, last) = read(&path);
            prop_assert_eq!(&last, &current);
            prop_assert!(all.ends_with(&lines), "{lines:?} of {all:?}");
            prop_assert!(lines.len() >= all.len().min(lines_max), "{lines:?} of {all:?}");
            prop_assert!(lines.len() <= 2 * lines_max);
            prop_assert_eq!(folder.names(), ["log"]);
            prop_assert_eq!(folder.files_open(), 0);
        }
    }
}

#[test]
fn the_file_is_rewritten_once_in_as_many_lines_as_are_kept() {
    let folder = Folder::new();
    let path = folder.file("log");
    let mut rolling = Rolling::open(&path, at_most(10)).unwrap();
    let inode = || fs::metadata(&path).unwrap().ino();
    let mut rewritten = Vec::new();

    for number in 1..=50 {
        let before = inode();
        rolling.append(&number.to_string()).unwrap();
        if inode() != before {
            rewritten.push(number);
        }
    }

    assert_eq!(rewritten, [21, 31, 41]);
    let (lines, _) = read(&path);
    let expected: Vec<_> = (31..=50).map(|number| number.to_string()).collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_long_file_that_was_there_is_cut_with_the_first_line() {
    let folder = Folder::new();
    let path = folder.file("log");
    // Lines that lie across the pieces in which the file is read.
    let long = |number: usize| format!("{number} {}", "x".repeat(30_000));
    let text: String = (0..20).map(|number| long(number) + "\n").collect();
    fs::write(&path, text + "half").unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();

    let mut rolling = Rolling::open(&path, at_most(3)).unwrap();
    rolling.append("last").unwrap();

    let (lines, current) = read(&path);
    assert_eq!(lines, [long(17), long(18), long(19), "last".to_owned()]);
    assert_eq!(current, "");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
}

#[test]
fn what_others_do_to_the_file_is_noticed() {
    let folder = Folder::new();
    let path = folder.file("log");
    let mut rolling = Rolling::open(&path, at_most(2)).unwrap();
    rolling.append("one").unwrap();

    fs::rename(&path, folder.file("log.1")).unwrap();
    rolling.append("two").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");

    fs::write(&path, "").unwrap();
    rolling.append("three").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");

    // As long as it was, and still another file.
    fs::write(folder.file("other"), "a\nb\nc\n").unwrap();
    fs::rename(folder.file("other"), &path).unwrap();
    rolling.rewrite("now").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\nc\nnow");
    assert_eq!(folder.names(), ["log", "log.1"]);
}

#[test]
fn what_cannot_be_a_line_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    let path = folder.file("log");
    let mut rolling = Rolling::open(&path, at_most(2)).unwrap();
    rolling.append("").unwrap();
    rolling.rewrite("now").unwrap();
    let longest = "x".repeat(Rolling::LINE_BYTES_MAX);

    for (line, says) in [
        ("a\nb".to_owned(), "give each line by itself"),
        ("a\n".to_owned(), "give each line by itself"),
        (format!("{longest}x"), "shorten it"),
    ] {
        let error = rolling.append(&line).unwrap_err().to_string();
        assert!(error.ends_with(says), "{error}");
        rolling.rewrite(&line).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "\nnow");
    }
    rolling.append(&longest).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("\n{longest}\n"));
}

#[test]
fn a_line_that_was_refused_may_be_written_again_and_is_there_once() {
    let folder = Folder::new();
    let path = folder.file("inner/log");
    Rolling::open(&path, at_most(2)).unwrap_err();
    fs::create_dir(folder.file("inner")).unwrap();
    let mut rolling = Rolling::open(&path, at_most(2)).unwrap();
    rolling.append("one").unwrap();

    fs::rename(folder.file("inner"), folder.file("away")).unwrap();
    let error = rolling.append("two").unwrap_err();
    fs::rename(folder.file("away"), folder.file("inner")).unwrap();
    rolling.append("two").unwrap();

    assert_eq!(error.path, path);
    assert_eq!(read(&path).0, ["one", "two"]);
}

#[test]
fn who_reads_on_in_a_file_that_he_has_open_never_reads_a_line_that_was_not_there() {
    let folder = Folder::new();
    let path = folder.file("log");
    let mut rolling = Rolling::open(&path, at_most(5)).unwrap();
    rolling.append("one").unwrap();
    rolling.rewrite("half").unwrap();
    let mut open = fs::File::open(&path).unwrap();
    let mut text = [0; 6];
    open.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"one\nha");

    rolling.rewrite("other").unwrap();
    rolling.append("longer than that").unwrap();
    rolling.reset().unwrap();
    rolling.append("the first of many").unwrap();

    let mut rest = String::new();
    open.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "lf");
}

#[test]
fn a_reader_beside_it_sees_whole_lines_and_the_newest() {
    let folder = Folder::new();
    let path = folder.file("log");
    let mut rolling = Rolling::open(&path, at_most(5)).unwrap();
    let line = |number: usize| format!("{number:04} {}", "x".repeat(number % 50));

    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..500 {
                // Lines are appended to others, and in the place of a current one.
                if number % 3 == 0 {
                    rolling.rewrite("working, and this is long").unwrap();
                }
                rolling.append(&line(number)).unwrap();
            }
        });
        let mut newest = 0;
        while !writer.is_finished() {
            let (lines, _) = read(&path);
            let numbers = lines.iter().map(|line| line[..4].parse().unwrap());
            let numbers: Vec<usize> = numbers.collect();
            for (seen, number) in lines.iter().zip(&numbers) {
                assert_eq!(*seen, line(*number));
            }
            assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
            let last = numbers.last().map_or(0, |last| last + 1);
            assert!(last >= newest, "{last} after {newest}");
            assert!(numbers.len() >= last.min(5));
            newest = last;
        }
    });
}

/// Reads the final lines, and the current one.
fn read(path: &Path) -> (Vec<String>, String) {
    let text = fs::read_to_string(path).unwrap();
    let (lines, current) = text
        .rsplit_once('\n')
        .map_or(("", text.as_str()), |cut| cut);
    let lines = text.contains('\n').then(|| lines.split('\n'));
    let lines = lines.into_iter().flatten().map(str::to_owned).collect();
    (lines, current.to_owned())
}

fn step() -> impl Strategy<Value = Step> {
    let line = || "[a-zä ]{0,5}";
    prop_oneof![
        8 => line().prop_map(Step::Append),
        3 => line().prop_map(Step::Rewrite),
        1 => Just(Step::Reset),
        2 => Just(Step::Reopen),
    ]
}

fn at_most(lines: usize) -> NonZeroUsize {
    NonZeroUsize::new(lines).unwrap()
}
