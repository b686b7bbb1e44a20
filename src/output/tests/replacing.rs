//! Replacing a file: what is kept, what is left alone, and what others see meanwhile.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::output::Durability;
use crate::output::Replaced;
use crate::output::replace;
use crate::output::replace::replace_by;
use crate::output::tests::folder::Folder;

proptest! {
    #[test]
    fn a_file_has_what_was_given_last_and_is_touched_only_for_a_change(
        contents in vec((vec(0..3_u8, 0..4), any::<bool>()), 1..20)
    ) {
        let folder = Folder::new();
        let path = folder.file("a");
        let mut model: Option<Vec<u8>> = None;
        for (bytes, synced) in contents {
            let durability = if synced { Durability::Synced } else { Durability::Relaxed };
            let inode = fs::metadata(&path).map(|file| file.ino()).ok();

            let replaced = replace(&path, &bytes, durability).unwrap();

            let same = model.as_ref() == Some(&bytes);
            let expected = if same { Replaced::Unchanged } else { Replaced::Written };
            prop_assert_eq!(replaced, expected);
            let kept = fs::metadata(&path).map(|file| file.ino()).ok() == inode;
            prop_assert_eq!(kept, same);
            prop_assert_eq!(fs::read(&path).unwrap(), bytes.as_slice());
            prop_assert_eq!(folder.names(), ["a"]);
            prop_assert_eq!(folder.files_open(), 0);
            model = Some(bytes);
        }
    }
}

#[test]
fn a_difference_in_the_last_of_many_bytes_is_a_difference() {
    let folder = Folder::new();
    let path = folder.file("a");
    let mut bytes = vec![b'x'; 10_000];
    replace(&path, &bytes, Durability::Relaxed).unwrap();

    let same = replace(&path, &bytes, Durability::Relaxed).unwrap();
    bytes[9_999] = b'y';
    let other = replace(&path, &bytes, Durability::Relaxed).unwrap();

    assert_eq!((same, other), (Replaced::Unchanged, Replaced::Written));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn the_mode_of_the_old_file_is_kept_and_a_new_one_has_that_of_new_files() {
    let folder = Folder::new();
    let (path, plain) = (folder.file("a"), folder.file("plain"));
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    fs::write(&plain, "").unwrap();

    replace(&path, b"1", Durability::Relaxed).unwrap();
    assert_eq!(mode(&path), mode(&plain));

    for kept in [0o600, 0o640, 0o666, 0o755] {
        fs::set_permissions(&path, PermissionsExt::from_mode(kept)).unwrap();
        let bytes = kept.to_string();
        replace(&path, bytes.as_bytes(), Durability::Relaxed).unwrap();
        assert_eq!(mode(&path), kept);
    }
}

#[test]
fn a_link_stays_and_the_file_that_it_points_to_is_replaced_or_made() {
    let folder = Folder::new();
    fs::create_dir(folder.file("inner")).unwrap();
    symlink("second", folder.file("first")).unwrap();
    symlink("inner/file", folder.file("second")).unwrap();

    for bytes in [b"new".as_slice(), b"newer"] {
        let replaced = replace(folder.file("first"), bytes, Durability::Relaxed).unwrap();

        assert_eq!(replaced, Replaced::Written);
        assert!(folder.file("first").is_symlink() && folder.file("second").is_symlink());
        let file = folder.file("inner/file");
        assert!(!file.is_symlink());
        assert_eq!(fs::read(file).unwrap(), bytes);
    }
    assert_eq!(fs::read_dir(folder.file("inner")).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_replaced_is_named_and_leaves_nothing_behind() {
    let folder = Folder::new();
    fs::create_dir(folder.file("folder")).unwrap();
    symlink("b", folder.file("a")).unwrap();
    symlink("a", folder.file("b")).unwrap();
    fs::write(folder.file("file"), "").unwrap();
    let before = folder.names();

    for (name, says) in [
        ("missing/x", "; make its folder first"),
        ("file/x", "; make its folder first"),
        ("folder", "it is not a file"),
        ("a", "cannot follow "),
    ] {
        let path = folder.file(name);
        let error = replace(&path, b"x", Durability::Relaxed).unwrap_err();

        assert_eq!(error.path, path);
        let error = error.to_string();
        assert!(error.contains(says), "{error}");
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
    assert_eq!(folder.names(), before);
    assert_eq!(folder.files_open(), 0);
}

#[test]
fn half_a_file_is_never_seen_and_removed_when_writing_fails() {
    let folder = Folder::new();
    let path = folder.file("a");
    fs::write(&path, "old").unwrap();

    let error = replace_by(&path, Durability::Relaxed, |file| {
        io::Write::write_all(file, b"half")?;
        Err(io::ErrorKind::StorageFull.into())
    });

    let error = error.unwrap_err().to_string();
    assert!(error.ends_with("; make room there"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(folder.names(), ["a"]);
}

#[test]
fn threads_that_replace_one_file_never_fail_tear_it_or_leave_anything() {
    let folder = Folder::new();
    let path = folder.file("a");
    fs::write(&path, of(0)).unwrap();

    thread::scope(|scope| {
        let writers = [1, 2, 3].map(|first| {
            let path = &path;
            scope.spawn(move || write_often(path, first))
        });
        while writers.iter().any(|writer| !writer.is_finished()) {
            let bytes = fs::read(&path).unwrap();
            assert_eq!(bytes, of(bytes[0]), "one of those that were written");
        }
    });

    assert!(fs::read(&path).unwrap()[0] != 0, "somebody wrote");
    assert_eq!(folder.names(), ["a"]);
    assert_eq!(folder.files_open(), 0);
}

#[test]
fn processes_that_replace_one_file_never_fail_tear_it_or_leave_anything() {
    if let Some(path) = env::var_os(WRITER) {
        return write_often(Path::new(&path), std::process::id().to_le_bytes()[0]);
    }
    let this = "processes_that_replace_one_file_never_fail_tear_it_or_leave_anything";
    let folder = Folder::new();
    let path = folder.file("a");
    fs::write(&path, of(0)).unwrap();

    let mut writers = [(); 3].map(|()| {
        let mut writer = Command::new(env::current_exe().unwrap());
        let writer = writer.args(["--exact", &format!("output::tests::replacing::{this}")]);
        writer
            .env(WRITER, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    });
    let mut running = true;
    while running {
        running = writers
            .iter_mut()
            .any(|writer| writer.try_wait().unwrap().is_none());
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes, of(bytes[0]), "one of those that were written");
    }

    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    assert!(fs::read(&path).unwrap()[0] != 0, "somebody wrote");
    assert_eq!(folder.names(), ["a"]);
}

fn write_often(path: &Path, first: u8) {
    for turn in 0..100_u8 {
        let number = first.wrapping_add(turn.wrapping_mul(3)) | 1;
        replace(path, &of(number), Durability::Relaxed).unwrap();
    }
}

/// Bytes of which each part tells what all of them are.
fn of(number: u8) -> Vec<u8> {
    vec![number; 1_000 + usize::from(number) * 100]
}

/// Names the file to a process that is to write it.
const WRITER: &str = "BEACON_OUTPUT_TEST_WRITER";
