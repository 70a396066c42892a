//! What the container runs: the image's configuration and the user's options, as `docker run` joins them.
//!
//! Environment: the image's, then the module's own (the variables that the WASI host gives), then those of the options; a
//! later entry takes the place of an earlier one, and init adds Docker's defaults (`PATH`, `HOSTNAME`, `HOME`, `TERM`) beneath.

use super::directories::{self, DirectoryError};
use super::options::Options;
use super::signals;
use channel::{Start, WindowSize};
use serde::{Deserialize, Deserializer};
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
    volumes: BTreeMap<String, Value>,
}

fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(input: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The module's environment, as `NAME=VALUE`.
    pub env: Vec<String>,
    /// What the options set, as [`gather`](super::environment::gather) gives it.
    pub variables: Vec<String>,
    /// Standard input and output are a terminal.
    pub terminal: bool,
    /// Directories of the host: the guest's names for them, and whether they are read-only.
    pub directories: Vec<(String, bool)>,
    /// Host name if neither image nor user names one.
    pub hostname: String,
    /// Wall-clock time, nanoseconds since the Unix epoch.
    pub wall_clock_ns: u64,
    /// Entropy for the guest's generator.
    pub seed: Vec<u8>,
}

/// The message that starts the program.
///
/// # Errors
/// [`ConfigError::NoProgram`] and [`ConfigError::Directory`].
pub fn start(config: &ImageConfig, options: &Options, surroundings: Surroundings) -> Result<Start, ConfigError> {
    let args = config.words(options);
    if args.is_empty() {
        return Err(ConfigError::NoProgram);
    }
    let terminal = options.tty.unwrap_or(surroundings.terminal);
    let own = |option: &Option<String>, image: &str| option.clone().unwrap_or_else(|| image.to_owned());
    let cwd = or(own(&options.workdir, &config.working_dir), "/");
    let mount = |(name, read_only): &(String, bool)| directories::mount(name, *read_only, &cwd);
    let directories = surroundings.directories.iter().map(mount).collect::<Result<_, _>>()?;
    Ok(Start {
        args,
        env: [&*config.env, &surroundings.env, &surroundings.variables].concat(),
        cwd,
        user: own(&options.user, &config.user),
        hostname: or(own(&options.hostname, &config.hostname), &surroundings.hostname),
        terminal: terminal.then(|| options.terminal.unwrap_or(WINDOW)),
        directories,
        volumes: config.volumes.keys().cloned().collect(),
        reaper: options.init,
        layer: options.state.is_some(),
        rehearsal: false,
        wall_clock_ns: surroundings.wall_clock_ns,
        seed: surroundings.seed,
    })
}

fn or(text: String, default: &str) -> String {
    if text.is_empty() { default.to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn malformed_configurations_are_errors() {
        for json in ["{", "3", r#"{"Cmd":"sh"}"#] {
            assert!(ImageConfig::parse(json.as_bytes()).is_err(), "{json}");
        }
    }
}
