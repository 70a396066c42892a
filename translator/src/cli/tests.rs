//! The command line's grammar.

use super::*;
use clap::CommandFactory;

#[test]
fn grammar_is_sound_and_every_verb_has_examples() {
    let mut command = Cli::command();
    command.clone().debug_assert();
    for verb in command.get_subcommands_mut() {
        let help = verb.render_long_help().to_string();
        assert!(help.contains("Examples:\n  prelift "), "{help}");
    }
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
