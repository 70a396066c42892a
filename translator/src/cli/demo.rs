//! `prelift demo`: the whole path on the built-in image.

use super::options::{CodeOptions, KernelOptions, MachineOptions};
use super::{Common, EXACT_EXIT, convert, expect_folder, write_file};
use crate::convert::{Request, Training};
use crate::engine::{Engine, RunOptions, Streams};
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use test_images::Format;

/// Convert the built-in image (busybox from Debian) and run it
///
/// Sets up what is missing first: the runtime for WebAssembly and the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Kernel.
    #[command(flatten)]
    pub kernel: KernelOptions,
    /// Machine.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// Code.
    #[command(flatten)]
    pub code: CodeOptions,
    /// Keep the module here
    #[arg(long, value_name = "FILE")]
    pub keep: Option<PathBuf>,
    /// Arguments for the container
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  prelift demo
  prelift demo --keep busybox.wasm -- sh -c 'uname -a'";

/// What the demonstration runs unless told otherwise.
const PROGRAM: &str = "echo \"Hello from $(uname -sm), process $$ of a container\"; \
    i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; echo \"counted to $i\"; \
    head -c 100000 /dev/zero | gzip | sha256sum";

impl DemoArgs {
    pub(super) fn execute(self, common: &Common) -> Result<ExitCode> {
        self.code.use_threads()?;
        self.keep.as_deref().map_or(Ok(()), expect_folder)?;
        let progress = common.progress();
        let say = |text: &str| progress.step(text);
        let directory = tempfile::tempdir().context("a temporary directory")?;
        let image = directory.path().join("busybox.tar");
        test_images::busybox()?.write(Format::DockerSave, &image)?;
        let program: Vec<String> = ["/bin/sh", "-c", PROGRAM].map(str::to_owned).into();
        let args = if self.args.is_empty() { program.clone() } else { self.args };
        let request = Request {
            image: &image,
            guest: self.kernel.guest(&self.machine),
            training: Training { command: Some(program), ..Training::default() },
            entrypoint: None,
            code: self.code.choices(),
            external_image: None,
            output: None,
        };
        let cache = common.cache()?;
        let converted = crate::convert::convert(&request, &cache, &say)?;
        if let Some(keep) = &self.keep {
            write_file(keep, &converted.module)?;
        }
        let engine = Engine::new()?;
        let loaded = engine.load(&converted.module, &cache, &say)?;
        drop(progress);
        convert::tell(&converted, common.quiet);
        drop(converted);
        let mut words = vec!["busybox.wasm".to_owned(), EXACT_EXIT.to_owned(), "--".to_owned()];
        words.extend(args);
        let options = RunOptions { args: words, env: Vec::new(), dirs: Vec::new(), streams: Streams::Inherited };
        let outcome = loaded.run(&engine, &options)?;
        Ok(ExitCode::from(u8::try_from(outcome.code).unwrap_or(u8::MAX)))
    }
}
