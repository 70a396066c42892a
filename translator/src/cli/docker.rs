//! Options of `docker run` that `prelift run` has no use for, as its users will try them: those that change nothing are taken,
//! of the others an error says what there is in their place.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, ArgAction};

const DIRECTORY: &str = "a directory of the host is --dir HOST::GUEST[:ro]; one in memory is --tmpfs";
const NETWORK: &str = "there is no network but loopback yet";
const BACKGROUND: &str = "a run is a process of the host: your shell names it and puts it in the background";
const MEMORY: &str = "the container's memory is limited by --memory SIZE; there is nothing to swap to";
const PROCESSORS: &str = "the machine has one processor; the host's scheduler says how much of one it gets";
const PRIVILEGES: &str = "--cap-add ALL gives all capabilities";
const DEVICES: &str = "the machine has no devices of the host";
const SHARED_MEMORY: &str = "--tmpfs /dev/shm:size=SIZE mounts another";

/// Options, and what there is in their place.
#[rustfmt::skip]
const ELSEWHERE: &[(&[&str], &str)] = &[
    (&["-v", "--volume", "--volumes-from", "--mount"],                                   DIRECTORY),
    (&["-p", "--publish", "-P", "--publish-all", "--expose", "--network", "--net",
       "--network-alias", "--link", "--ip", "--ip6", "--mac", "--mac-address", "--dns", "--add-host"], NETWORK),
    (&["-d", "--detach", "--name", "--restart", "--cidfile"],                            BACKGROUND),
    (&["--memory-swap", "--memory-reservation", "--memory-swappiness"],                  MEMORY),
    (&["-c", "--cpu-shares", "--cpus", "--cpuset-cpus", "--cpu-quota"],                  PROCESSORS),
    (&["--privileged"],                                                                  PRIVILEGES),
    (&["--device", "--gpus"],                                                            DEVICES),
    (&["--shm-size"],                                                                    SHARED_MEMORY),
];

/// What is so without being asked for.
pub(super) fn as_always() -> [Arg; 2] {
    let switch = |name: &'static str| Arg::new(name).long(name).num_args(0).action(ArgAction::Append);
    [
        switch("interactive").short('i').help("As always: the program has standard input (see --no-stdin)"),
        switch("rm").help("As always: nothing is left of the container (see --state)"),
    ]
}

/// The error of a command line; if Docker has the option, with what there is in its place.
pub(super) fn explain(mut error: Error) -> Error {
    let option = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) => option.as_str(),
        _ => return error,
    };
    if let Some((_, place)) = ELSEWHERE.iter().find(|(options, _)| options.contains(&option)) {
        // What is spelt like it is not what was meant.
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*place).into()]));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use super::*;
    use clap::Parser;

    fn refused(words: &[&str]) -> String {
        let error = Cli::try_parse_from(["prelift", "run"].iter().chain(words)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{words:?}");
        explain(error).to_string()
    }

    #[test]
    fn an_option_of_dockers_is_told_what_there_is() {
        for (words, place) in [
            (&["-v", "/a:/b", "m"][..], DIRECTORY),
            (&["--network=none", "m"], NETWORK),
            (&["-itp", "80:80", "m"], NETWORK),
            (&["-d", "m"], BACKGROUND),
            (&["--memory-swap=512m", "m"], MEMORY),
        ] {
            let text = refused(words);
            assert!(text.contains(&format!("tip: {place}\n")), "{words:?}: {text}");
        }
        assert!(!refused(&["--privileged", "m"]).contains("similar"));
        assert!(refused(&["--entrypont", "x", "m"]).contains("'--entrypoint'"));
    }

    #[test]
    fn no_option_is_both_there_and_not() {
        let mut command = <Cli as clap::CommandFactory>::command();
        command.build();
        let run = command.find_subcommand("run").unwrap();
        let names = |arg: &Arg| {
            let long = arg.get_long().map(|long| format!("--{long}"));
            long.into_iter().chain(arg.get_short().map(|short| format!("-{short}")))
        };
        let there: Vec<String> = run.get_arguments().flat_map(names).collect();
        let not: Vec<&str> = ELSEWHERE.iter().flat_map(|(options, _)| options.iter().copied()).collect();
        assert!(there.iter().all(|option| !not.contains(&option.as_str())), "{there:?}");
        assert!(there.contains(&"--rm".into()) && there.contains(&"-i".into()), "{there:?}");
    }
}
