//! The command line's grammar.

use super::*;
use clap::CommandFactory;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Every example in a command's help.
fn examples(verb: &mut clap::Command) -> Vec<String> {
    let help = verb.render_long_help().to_string();
    let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("no examples in {help}"));
    let line = |line: &str| line.trim().split("  ").next().unwrap_or_default().to_owned();
    examples.lines().map(line).filter(|line| line.starts_with("prelift ")).collect()
}

/// Splits as a shell does, single quotes included.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in line.split('\'').enumerate() {
        let mut pieces = if index % 2 == 0 { part.split(' ').collect() } else { vec![part] }.into_iter();
        words.last_mut().unwrap().push_str(pieces.next().unwrap_or_default());
        words.extend(pieces.map(str::to_owned));
    }
    words
}

#[test]
fn grammar_is_sound_and_takes_its_own_examples() {
    let mut command = Cli::command();
    command.clone().debug_assert();
    let parser = command.clone();
    let mut all = examples(&mut command.clone());
    for verb in command.get_subcommands_mut() {
        let of_verb = examples(verb);
        let start = format!("prelift {} ", verb.get_name());
        assert!(of_verb.iter().any(|example| format!("{example} ").starts_with(&start)), "{start}has no example");
        all.extend(of_verb);
    }
    for example in all {
        let parsed = parser.clone().try_get_matches_from(words(&example));
        assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
    }
}

#[test]
fn the_first_help_shows_every_verb_at_work() {
    let command = Cli::command();
    let shown = examples(&mut command.clone());
    for verb in command.get_subcommands() {
        let start = format!("prelift {}", verb.get_name());
        assert!(shown.iter().any(|example| example.starts_with(&start)), "{start}");
    }
}

#[test]
fn ram_is_a_multiple_of_two_mebibytes_below_four_gibibytes() {
    let parse = |ram: &str| match Cli::try_parse_from(["prelift", "convert", "--ram", ram, "i", "o"]).ok()?.verb {
        Verb::Convert(verb) => Some(verb.machine.ram),
        _ => None,
    };
    assert_eq!(parse("128M"), Some(128 << 20));
    assert_eq!(parse("1G"), Some(1 << 30));
    for wrong in ["", "M", "128", "3M", "4G", "0M", "99999999999999999999G", "1µ"] {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_drive_is_for_an_image_that_may_be_outside() {
    let command = Cli::command();
    let verbs = command.get_subcommands().filter(|verb| verb.get_arguments().any(|arg| arg.get_id() == "image_drive"));
    assert_eq!(verbs.map(clap::Command::get_name).collect::<Vec<_>>(), ["convert", "snapshot"]);
}

#[test]
fn errors_name_their_causes() {
    let error = anyhow::anyhow!("line one\nline two").context("cannot build");
    assert_eq!(report(&error), "prelift: error: cannot build\n  because: line one\n           line two\n");
}

#[test]
fn output_replaces_and_leaves_nothing_beside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    write_file(&path, b"old").unwrap();
    write_file(&path, b"new").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(write_file(&folder.path().join("no/out"), b"x").is_err());
}

#[test]
fn a_place_without_a_folder_is_refused_before_work_is_done() {
    let folder = tempfile::tempdir().unwrap();
    assert!(expect_folder(&folder.path().join("out")).is_ok() && expect_folder("out".as_ref()).is_ok());
    let error = expect_folder(&folder.path().join("no/out")).unwrap_err().to_string();
    assert!(error.ends_with("no is no directory"), "{error}");
    assert!(expect_folder(folder.path()).unwrap_err().to_string().ends_with("got a directory"));
    let image = folder.path().join("image.tar").display().to_string();
    let words = ["prelift", "convert", &image, &folder.path().join("no/out").display().to_string()].map(str::to_owned);
    let Cli { common, verb } = Cli::try_parse_from(words).unwrap();
    assert_eq!(verb.execute(&common).unwrap_err().to_string(), error);
}

#[test]
fn what_is_no_regular_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let socket = std::os::unix::net::UnixListener::bind(place("socket")).unwrap();
    for (target, link) in [("socket", "to-socket"), ("loop", "loop")] {
        symlink(target, place(link)).unwrap();
    }
    for (name, expected) in [
        ("socket", "expected a regular file or nothing"),
        ("to-socket", "expected a regular file or nothing"),
        ("loop", "too many symbolic links"),
    ] {
        let path = place(name);
        let expected = format!("cannot write {}: {expected}", path.display());
        assert_eq!(expect_folder(&path).unwrap_err().to_string(), expected);
        assert_eq!(write_file(&path, b"x").unwrap_err().to_string(), expected);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    drop(socket);
}

#[test]
fn a_symbolic_link_is_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    ["links", "files"].iter().for_each(|name| std::fs::create_dir(place(name)).unwrap());
    std::fs::write(place("files/there"), "old").unwrap();
    for (target, link) in
        [("../files/there", "links/a"), ("../files/new", "links/b"), ("a", "links/c"), ("no/x", "links/d")]
    {
        symlink(target, place(link)).unwrap();
    }
    for (link, file) in [("links/a", "files/there"), ("links/b", "files/new"), ("links/c", "files/there")] {
        write_file(&place(link), link.as_bytes()).unwrap();
        assert_eq!(std::fs::read(place(file)).unwrap(), link.as_bytes());
        assert!(place(link).is_symlink() && !place(file).is_symlink(), "{link}");
    }
    assert!(expect_folder(&place("links/d")).unwrap_err().to_string().ends_with("no is no directory"));
    assert_eq!(std::fs::read_dir(place("files")).unwrap().count(), 2);
}

/// Every verb that writes a file, with `-` for its name; before the first thing that it would read, none of which is there.
#[test]
fn an_output_is_a_file() {
    for words in [
        &["convert", "i", "-"][..],
        &["convert", "--external-image=-", "i", "o"],
        &["link", "s", "i", "-"],
        &["snapshot", "i", "-"],
        &["profile", "s", "i", "-"],
        &["translate", "p", "-"],
        &["kernel", "-"],
        &["kernel", "--config=-", "o"],
        &["demo", "--keep=-"],
        &["inspect", "--html=-", "m"],
    ] {
        let Cli { common, verb } = Cli::try_parse_from([&["prelift", "--no-cache"], words].concat()).unwrap();
        let error = verb.execute(&common).unwrap_err().to_string();
        assert!(error.starts_with("cannot write -: the output is a file, expected its name"), "{words:?}: {error}");
    }
    expect_folder("./-".as_ref()).unwrap();
}

#[test]
fn options_of_a_snapshot_are_looked_at_before_work_is_done() {
    let out = tempfile::tempdir().unwrap().path().with_extension("snapshot").display().to_string();
    let Cli { common, verb } = Cli::try_parse_from(["prelift", "snapshot", "--tty", "/nonexistent.tar", &out]).unwrap();
    let error = verb.execute(&common).unwrap_err().to_string();
    assert!(error.ends_with("expected --snapshot entrypoint with them"), "{error}");
}

/// A root file system of a GiB and more, most of it a hole.
fn large_root(folder: &Path) -> PathBuf {
    let root = folder.join("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::File::create(root.join("hole")).unwrap().set_len(1100 << 20).unwrap();
    root
}

#[test]
fn a_conversion_that_fails_leaves_nothing_and_keeps_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = large_root(folder.path());
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let (module, image) = (out.join("m.wasm"), out.join("m.erofs"));
    [&module, &image].iter().for_each(|path| std::fs::write(path, "old").unwrap());
    let image_option = format!("--external-image={}", image.display());
    for (options, ram, mapped) in [(&["--ram=3G"][..], 3072, 1102), (&["--ram=4094M", &image_option], 4094, 0)] {
        let places = [root.to_str().unwrap(), module.to_str().unwrap()];
        let words = [&["prelift", "--quiet", "convert"], options, &places].concat();
        let Cli { common, verb } = Cli::try_parse_from(words).unwrap();
        let error = verb.execute(&common).unwrap_err().to_string();
        let expected = format!(
            "RAM of {ram} MiB and a root file system of {mapped} MiB in memory: expected at most 3968 MiB together"
        );
        assert!(error.starts_with(&expected) && error.contains("--ram"), "{error}");
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2, "{options:?}");
        [&module, &image].iter().for_each(|path| assert_eq!(std::fs::read(path).unwrap(), b"old"));
    }
}

#[test]
fn an_image_is_another_file_than_its_module() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x").display().to_string();
    let refused = |image: &str| {
        let option = format!("--external-image={image}");
        let Cli { common, verb } = Cli::try_parse_from(["prelift", "convert", &option, "image.tar", &path]).unwrap();
        verb.execute(&common).unwrap_err().to_string()
    };
    assert!(refused(&path).ends_with("expected another file than the module's"));
    let link = folder.path().join("link");
    symlink("x", &link).unwrap();
    assert!(refused(link.to_str().unwrap()).ends_with("expected another file than the module's"));
    assert!(refused("/").contains("expected the path of a file"));
    assert!(refused("/nonexistent/x").ends_with("/nonexistent is no directory"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
