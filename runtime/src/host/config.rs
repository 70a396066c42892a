//! What the container runs: the image's configuration and the user's options, as `docker run` joins them.
//!
//! Environment: the image's, then the module's own (the variables that the WASI host gives), then those of the options; a
//! later entry takes the place of an earlier one, and init adds Docker's defaults (`PATH`, `HOSTNAME`, `HOME`, `TERM`) beneath.

use super::container::seccomp::Profile;
use super::container::{capabilities, limits};
use super::directories::{self, DirectoryError};
use super::json::nullable;
use super::options::Options;
use super::signals;
use super::spec::Bundle;
use channel::{Capabilities, Confinement, Directory, Start, WindowSize};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The terminal's size unless told (no WASI host tells).
const WINDOW: WindowSize = WindowSize { rows: 24, columns: 80 };

/// The fields of an image's configuration that say what runs (OCI image specification, config.md). Others are ignored,
/// and what is missing or `null` is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    /// Words before the arguments.
    #[serde(deserialize_with = "nullable")]
    pub entrypoint: Vec<String>,
    /// Default arguments.
    #[serde(deserialize_with = "nullable")]
    pub cmd: Vec<String>,
    /// `KEY=VALUE` each.
    #[serde(deserialize_with = "nullable")]
    pub env: Vec<String>,
    /// Directory to start in.
    #[serde(deserialize_with = "nullable")]
    pub working_dir: String,
    /// `user[:group]`.
    #[serde(deserialize_with = "nullable")]
    pub user: String,
    /// Host name.
    #[serde(deserialize_with = "nullable")]
    pub hostname: String,
    /// What the program gets in place of SIGTERM: name or number.
    #[serde(deserialize_with = "nullable")]
    pub stop_signal: String,
    /// Directories that are written to, as keys.
    #[serde(deserialize_with = "nullable")]
    pub(super) volumes: BTreeMap<String, Value>,
}

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not a configuration.
    #[error("the image's configuration: {0}")]
    Json(#[from] serde_json::Error),
    /// Neither image nor user names a program.
    #[error("no program to run: the image has no entrypoint and no command; name one after the module's options")]
    NoProgram,
    /// A stop signal that is none.
    #[error("the image's StopSignal: expected {expected}, got {0:?}", expected = signals::EXPECTED)]
    StopSignal(String),
    /// A directory that cannot be mounted where it is to be.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A directory that the module does not have.
    #[error(
        "configuration: {place}.source: expected a directory of the host that the module has ({names}), got {wanted:?}"
    )]
    Bind {
        /// The mount's path in the file.
        place: String,
        /// What the module has.
        names: String,
        /// What the mount is of.
        wanted: String,
    },
}

impl ImageConfig {
    /// Parses a configuration; no bytes at all are an empty one.
    ///
    /// # Errors
    /// If it is not JSON, or a field is of another type.
    pub fn parse(json: &[u8]) -> Result<ImageConfig, ConfigError> {
        if json.is_empty() {
            return Ok(ImageConfig::default());
        }
        Ok(serde_json::from_slice(json)?)
    }

    /// What the program gets in place of SIGTERM.
    ///
    /// # Errors
    /// [`ConfigError::StopSignal`].
    pub fn stop_signal(&self, options: &Options) -> Result<u8, ConfigError> {
        match (options.stop_signal, &*self.stop_signal) {
            (Some(signal), _) => Ok(signal),
            (None, "") => Ok(signals::TERM),
            (None, name) => signals::number(name).ok_or_else(|| ConfigError::StopSignal(name.to_owned())),
        }
    }

    /// The program with its arguments (`docker run`: arguments replace the command; an entrypoint replaces the image's
    /// and drops its command; an empty one only takes the image's away).
    fn words(&self, options: &Options) -> Vec<String> {
        let (entrypoint, cmd) = match &options.entrypoint {
            None => (self.entrypoint.clone(), self.cmd.as_slice()),
            Some(program) => {
                (Some(program.clone()).filter(|program| !program.is_empty()).into_iter().collect(), &[][..])
            }
        };
        let args = if options.args.is_empty() { cmd } else { &options.args };
        [&entrypoint, args].concat()
    }
}

/// What is the run's own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surroundings {
    /// The module's environment, as `NAME=VALUE`.
    pub env: Vec<String>,
    /// What the options set, as [`gather`](super::environment::gather) gives it.
    pub variables: Vec<String>,
    /// The container of `--config`: in place of the image's configuration and Docker's defaults.
    pub bundle: Option<Bundle>,
    /// The profile of system calls that the options name.
    pub seccomp: Option<Profile>,
    /// Standard input and output are a terminal.
    pub terminal: bool,
    /// Directories of the host: the guest's names for them, and whether they are read-only.
    pub directories: Vec<(String, bool)>,
    /// The container's name, and its host name if neither image nor user names one.
    pub hostname: String,
    /// Wall-clock time, nanoseconds since the Unix epoch.
    pub wall_clock_ns: u64,
    /// Entropy for the guest's generator.
    pub seed: Vec<u8>,
}

/// The message that starts the program.
///
/// # Errors
/// [`ConfigError::NoProgram`], [`ConfigError::Directory`] and [`ConfigError::Bind`].
pub fn start(image: &ImageConfig, options: &Options, surroundings: Surroundings) -> Result<Start, ConfigError> {
    let bundle = surroundings.bundle.as_ref();
    let config = &bundle.map_or_else(|| image.clone(), |bundle| bundle.in_place_of(image));
    let args = config.words(options);
    if args.is_empty() {
        return Err(ConfigError::NoProgram);
    }
    let terminal = options.tty.unwrap_or(surroundings.terminal || bundle.is_some_and(|bundle| bundle.terminal));
    let window = options.terminal.or(bundle.and_then(|bundle| bundle.window)).unwrap_or(WINDOW);
    let own = |option: &Option<String>, image: &str| option.clone().unwrap_or_else(|| image.to_owned());
    let cwd = or(own(&options.workdir, &config.working_dir), "/");
    Ok(Start {
        id: surroundings.hostname.clone(),
        args,
        env: [&*config.env, &surroundings.env, &surroundings.variables].concat(),
        bare_environment: bundle.is_some(),
        directories: shared(&surroundings, &cwd)?,
        cwd,
        user: own(&options.user, &config.user),
        groups: bundle.filter(|_| options.user.is_none()).map(|bundle| bundle.groups.clone()),
        umask: bundle.and_then(|bundle| bundle.umask),
        oom_score_adj: bundle.and_then(|bundle| bundle.oom_score_adj),
        domainname: bundle.map(|bundle| bundle.domainname.clone()).unwrap_or_default(),
        scheduling: bundle.map(|bundle| bundle.scheduling).unwrap_or_default(),
        personality: bundle.and_then(|bundle| bundle.personality),
        hostname: or(own(&options.hostname, &config.hostname), &surroundings.hostname),
        terminal: terminal.then_some(window),
        volumes: config.volumes.keys().cloned().collect(),
        world: bundle.map(|bundle| bundle.world.clone()),
        tmpfs: options.tmpfs.clone(),
        read_only: options.read_only || bundle.is_some_and(|bundle| bundle.read_only),
        confinement: confinement(options, &surroundings),
        reaper: options.init,
        memory_block: None,
        listens: None,
        layer: options.state.is_some(),
        rehearsal: false,
        wall_clock_ns: surroundings.wall_clock_ns,
        seed: surroundings.seed,
    })
}

/// Where the host's directories are mounted: at their names, or where the file wants them.
fn shared(surroundings: &Surroundings, cwd: &str) -> Result<Vec<Directory>, ConfigError> {
    let binds = surroundings.bundle.as_ref().map_or(&[][..], |bundle| &bundle.binds);
    let names = || surroundings.directories.iter().map(|(name, _)| name.as_str());
    if let Some(bind) = binds.iter().find(|bind| !names().any(|name| name == bind.source)) {
        let names = names().collect::<Vec<_>>().join(", ");
        let names = or(names, "none");
        return Err(ConfigError::Bind { place: bind.place.clone(), names, wanted: bind.source.clone() });
    }
    let mount = |(name, read_only): &(String, bool)| match binds.iter().find(|bind| bind.source == *name) {
        Some(bind) => directories::mount(&bind.target, *read_only || bind.read_only, cwd),
        None => directories::mount(name, *read_only, cwd),
    };
    Ok(surroundings.directories.iter().map(mount).collect::<Result<_, _>>()?)
}

/// Docker's or the file's, with what the options say.
fn confinement(options: &Options, surroundings: &Surroundings) -> Confinement {
    let mut own = surroundings.bundle.as_ref().map_or_else(Confinement::default, |bundle| Confinement {
        limits: bundle.limits.clone(),
        capabilities: Capabilities::Sets(bundle.capabilities),
        no_new_privileges: bundle.no_new_privileges,
        pids: bundle.pids,
        memory: bundle.memory,
        controls: bundle.controls.clone(),
        seccomp: None,
    });
    limits::replace(&mut own.limits, &options.limits);
    own.capabilities = match own.capabilities {
        Capabilities::OfUser(kept) => Capabilities::OfUser(options.capabilities.apply(kept)),
        Capabilities::Sets(sets) => Capabilities::Sets(options.capabilities.apply_to_sets(sets)),
    };
    own.no_new_privileges = options.no_new_privileges.unwrap_or(own.no_new_privileges);
    own.pids = options.pids.unwrap_or(own.pids);
    own.memory = options.memory.unwrap_or(own.memory);
    let files = || surroundings.bundle.as_ref().and_then(|bundle| bundle.seccomp.as_ref());
    let profile = if options.seccomp.is_some() { surroundings.seccomp.as_ref() } else { files() };
    own.seccomp = profile.map(|profile| profile.settle(capabilities::bounding(&own.capabilities)));
    own
}

fn or(text: String, default: &str) -> String {
    if text.is_empty() { default.to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use channel::Limit;

    const IMAGE: &str = r#"{"Entrypoint":["/bin/tini","--"],"Cmd":["sh"],"Env":["PATH=/bin","A=1"],"User":null,
        "WorkingDir":"/srv","Labels":{"x":"y"},"Volumes":{"/data":{},"/cache":{}},"StopSignal":"SIGQUIT"}"#;

    fn run(image: &str, words: &[&str]) -> Result<Start, ConfigError> {
        let options = Options::parse(words.iter().map(ToString::to_string)).unwrap();
        let env = vec!["A=2".into(), "B=3".into()];
        let variables = vec!["A=4".into(), "PATH".into()];
        let surroundings = Surroundings { env, variables, hostname: "h".into(), ..Default::default() };
        start(&ImageConfig::parse(image.as_bytes()).unwrap(), &options, surroundings)
    }

    #[test]
    fn arguments_are_docker_runs() {
        for (words, args) in [
            (&[][..], &["/bin/tini", "--", "sh"][..]),
            (&["ls", "-l"], &["/bin/tini", "--", "ls", "-l"]),
            (&["--", "--stats"], &["/bin/tini", "--", "--stats"]),
            (&["--entrypoint", "cat"], &["cat"]),
            (&["--entrypoint=cat", "x"], &["cat", "x"]),
            (&["--entrypoint=", "x"], &["x"]),
        ] {
            assert_eq!(run(IMAGE, words).unwrap().args, args, "{words:?}");
        }
        assert!(matches!(run(IMAGE, &["--entrypoint="]), Err(ConfigError::NoProgram)));
        assert!(matches!(run("", &[]), Err(ConfigError::NoProgram)));
        assert_eq!(run(r#"{"Cmd":["a"]}"#, &[]).unwrap().args, ["a"]);
    }

    #[test]
    fn later_variables_follow_earlier_ones() {
        assert_eq!(run(IMAGE, &[]).unwrap().env, ["PATH=/bin", "A=1", "A=2", "B=3", "A=4", "PATH"]);
    }

    #[test]
    fn volumes_and_stop_signal_are_the_images() {
        assert_eq!(run(IMAGE, &[]).unwrap().volumes, ["/cache", "/data"]);
        assert_eq!(run(r#"{"Cmd":["a"],"Volumes":null}"#, &[]).unwrap().volumes, [""; 0]);
        let signal = |image: &str, words: &[&str]| {
            let options = Options::parse(words.iter().map(ToString::to_string)).unwrap();
            ImageConfig::parse(image.as_bytes()).unwrap().stop_signal(&options).map_err(|error| error.to_string())
        };
        assert_eq!(signal(IMAGE, &[]), Ok(3));
        assert_eq!(signal(IMAGE, &["--stop-signal=INT"]), Ok(2));
        assert_eq!(signal("{}", &[]), Ok(signals::TERM));
        assert!(signal(r#"{"StopSignal":"STAHP"}"#, &[]).unwrap_err().contains("StopSignal: expected a signal"));
    }

    #[test]
    fn options_come_before_the_image_and_defaults_last() {
        let plain = run(IMAGE, &[]).unwrap();
        assert_eq!((&*plain.cwd, &*plain.user, &*plain.hostname, plain.terminal), ("/srv", "", "h", None));
        let told = run(IMAGE, &["--workdir=/", "--user=1:2", "--hostname=box", "--tty"]).unwrap();
        assert_eq!((&*told.cwd, &*told.user, &*told.hostname, told.terminal), ("/", "1:2", "box", Some(WINDOW)));
        assert_eq!(run(r#"{"Hostname":"i"}"#, &["x"]).unwrap().hostname, "i");
    }

    #[test]
    fn a_container_is_confined_as_dockers_is() {
        assert_eq!(run(IMAGE, &[]).unwrap().confinement, Confinement::default());
        let told = run(
            IMAGE,
            &[
                "--ulimit=nofile=5",
                "--cap-drop=ALL",
                "--security-opt=no-new-privileges",
                "--pids-limit=9",
                "--memory=1g",
            ],
        );
        let told = told.unwrap().confinement;
        assert_eq!(told.capabilities, Capabilities::OfUser(0));
        assert_eq!((told.no_new_privileges, told.pids, told.memory), (true, Some(9), Some(1 << 30)));
        let mut limits = Confinement::default().limits;
        limits::replace(&mut limits, &[Limit { resource: 7, soft: 5, hard: 5 }]);
        assert_eq!(told.limits, limits);
    }

    #[test]
    fn malformed_configurations_are_errors() {
        for json in ["{", "3", r#"{"Cmd":"sh"}"#] {
            assert!(ImageConfig::parse(json.as_bytes()).is_err(), "{json}");
        }
    }
}
