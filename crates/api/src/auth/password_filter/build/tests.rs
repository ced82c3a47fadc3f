use std::{fs, path::PathBuf};

use super::*;
use crate::auth::password_filter::PasswordFilter;

fn import(directory: &TempDir, list: &str, form: Option<ListForm>) -> (PathBuf, Result<Imported, String>) {
    let path = directory.path().join("passwords.filter");
    let imported = build(list.as_bytes(), form, &path, 1_700_000_000);
    (path, imported)
}

fn sha1(password: &str) -> String {
    let hex = |digits: String, byte: &u8| digits + &format!("{byte:02X}");
    Sha1::digest(password.as_bytes()).iter().fold(String::new(), hex)
}

#[test]
fn a_filter_knows_every_password_of_a_long_list_and_hardly_another() {
    let directory = TempDir::new().unwrap();
    let lines: Vec<String> = (0..50_000).map(|n| format!("leaked password {n}")).collect();
    let list = lines.join("\n");
    let (path, imported) = import(&directory, &list, None);
    let imported = imported.unwrap();
    assert_eq!(
        (imported.form, imported.lines, imported.entries),
        (ListForm::Plain, 50_000, 50_000)
    );
    let filter = PasswordFilter::open(&path).unwrap();
    assert_eq!((filter.entries(), filter.made_at()), (50_000, 1_700_000_000));
    assert!((0..50_000).all(|n| filter.has_leaked(&format!("leaked password {n}"))));
    let others = (0..50_000)
        .filter(|n| filter.has_leaked(&format!("another password {n}")))
        .count();
    assert!(others < 10, "{others}");
    assert_eq!(filter.check(), Ok(()));
    let left: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["passwords.filter"], "nothing else is left behind");
}

#[test]
fn hashes_with_and_without_a_count_are_taken_in_capitals_and_small_letters() {
    let directory = TempDir::new().unwrap();
    let list = format!(
        "{}:42\r\n{}\n\n{}:1",
        sha1("rivers bend slowly"),
        sha1("mountains do not hurry").to_lowercase(),
        sha1("rivers bend slowly")
    );
    let (path, imported) = import(&directory, &list, None);
    let imported = imported.unwrap();
    assert_eq!(
        (imported.form, imported.lines, imported.entries),
        (ListForm::Sha1, 3, 2)
    );
    let filter = PasswordFilter::open(&path).unwrap();
    for (password, leaked) in [
        ("rivers bend slowly", true),
        ("mountains do not hurry", true),
        ("clouds drift east", false),
    ] {
        assert_eq!(filter.has_leaked(password), leaked, "{password}");
    }
}

#[test]
fn what_nobody_can_set_is_left_out_and_counted() {
    let directory = TempDir::new().unwrap();
    let list = [
        b"short".as_slice(),
        b"\n",
        "mu\u{308}de flu\u{308}sse ziehen".as_bytes(),
        b"\n\xff\xfe not utf-8 \xff\n",
        &[b'x'; 5000],
        b"\n",
        &[b'y'; 200],
        b"\nrivers bend slowly",
    ]
    .concat();
    let path = directory.path().join("passwords.filter");
    let imported = build(list.as_slice(), None, &path, 0).unwrap();
    let expected = Imported {
        form: ListForm::Plain,
        lines: 6,
        entries: 2,
        other_length: 2,
        unreadable: 2,
    };
    assert_eq!(imported, expected);
    let filter = PasswordFilter::open(&path).unwrap();
    assert!(
        filter.has_leaked("m\u{fc}de fl\u{fc}sse ziehen"),
        "it is compared in its composed form"
    );
    assert!(filter.has_leaked("rivers bend slowly"));
}

#[test]
fn a_list_that_is_refused_leaves_the_filter_before_it() {
    let directory = TempDir::new().unwrap();
    let (path, imported) = import(&directory, "rivers bend slowly\n", None);
    imported.unwrap();
    for (list, form, fault) in [
        ("short\nshort too\n", None, "no password"),
        ("", None, "no password"),
        ("rivers bend slowly\n", Some(ListForm::Sha1), "line 1"),
        (&*format!("{}\nno hash\n", sha1("a")), None, "line 2"),
        (&*format!("{}:many\n", sha1("a")), Some(ListForm::Sha1), "line 1"),
    ] {
        let refused = import(&directory, list, form).1.unwrap_err();
        assert!(refused.contains(fault), "{refused}");
        assert!(
            !refused.contains("no hash") && !refused.contains("short"),
            "it repeats no line: {refused}"
        );
        assert!(
            PasswordFilter::open(&path)
                .unwrap()
                .has_leaked("rivers bend slowly")
        );
    }
}

#[test]
fn a_damaged_filter_is_noticed() {
    let directory = TempDir::new().unwrap();
    let (path, imported) = import(&directory, "rivers bend slowly\nmountains do not hurry\n", None);
    imported.unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in [0, 10, 36, 400, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(PasswordFilter::open(&path).is_err(), "{cut}");
    }
    fs::write(&path, [whole.as_slice(), b"x"].concat()).unwrap();
    assert!(PasswordFilter::open(&path).is_err());
    for place in [0, 33, 40] {
        let mut other = whole.clone();
        other[place] ^= 0x40;
        fs::write(&path, other).unwrap();
        assert!(PasswordFilter::open(&path).is_err(), "{place}");
    }
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&path, other).unwrap();
    let filter = PasswordFilter::open(&path).unwrap();
    assert!(filter.check().unwrap_err().contains("damaged"));
    assert!(!filter.has_leaked("rivers bend slowly") || !filter.has_leaked("mountains do not hurry"));
}

#[test]
fn parts_stay_small_however_long_the_list_is() {
    for (entries, bits) in [
        (0, 8),
        (1, 8),
        (2_000_000, 8),
        (900_000_000, 17),
        (4_000_000_000, 19),
    ] {
        assert_eq!(part_bits(entries), bits, "{entries}");
    }
}
