//! Running a program with WASI preview 1.

use super::{Engine, Program};
use anyhow::{Context, Result, anyhow};
use std::io::PipeReader;
use std::path::PathBuf;
use tokio::net::unix::pipe::Receiver;
use wasmtime::{Linker, Store};
use wasmtime_wasi::cli::AsyncStdinStream;
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::runtime::with_ambient_tokio_runtime;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// A directory of the host that the program may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Where it is.
    pub host: PathBuf,
    /// What the program calls it.
    pub guest: String,
    /// Whether it may only be read.
    pub read_only: bool,
}

/// The program's standard streams.
#[derive(Debug, Default)]
pub enum Streams {
    /// Those of this process.
    #[default]
    Inherited,
    /// Standard input is these bytes; the outputs are collected in [`Outcome`].
    Captured(Vec<u8>),
    /// Standard input is this pipe; the outputs are those of this process.
    Piped(PipeReader),
}

/// What a program runs with.
#[derive(Debug, Default)]
pub struct RunOptions {
    /// Its arguments, the first of which is its own name.
    pub args: Vec<String>,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Directories that it may use.
    pub dirs: Vec<Directory>,
    /// Its standard streams.
    pub streams: Streams,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Exit code: what the program gave to `proc_exit`, or 0.
    pub code: i32,
    /// What it wrote to standard output, if that was captured.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error, if that was captured.
    pub stderr: Vec<u8>,
}

impl Program {
    /// Runs the program from its `_start` to its end.
    ///
    /// # Errors
    /// If it traps, imports what WASI preview 1 does not have, or a directory cannot be opened.
    pub fn run(&self, engine: &Engine, options: &RunOptions) -> Result<Outcome> {
        let mut wasi = context(options)?;
        let (stdout, stderr) = connect(&mut wasi, &options.streams)?;
        let mut store = Store::new(engine.wasmtime(), wasi.build_p1());
        let instance = linker(engine)?.instantiate(&mut store, &self.module).map_err(|error| anyhow!(error))?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start").map_err(|error| anyhow!(error))?;
        let code = match start.call(&mut store, ()) {
            Ok(()) => 0,
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(exit) => exit.0,
                None => return Err(anyhow!(error).context("the module failed")),
            },
        };
        drop(store);
        Ok(Outcome { code, stdout: stdout.contents().to_vec(), stderr: stderr.contents().to_vec() })
    }
}

fn context(options: &RunOptions) -> Result<WasiCtxBuilder> {
    let mut wasi = WasiCtxBuilder::new();
    wasi.args(&options.args).envs(&options.env).allow_blocking_current_thread(true);
    for Directory { host, guest, read_only } in &options.dirs {
        let permissions = if *read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
        wasi.preopened_dir(host, guest, permissions)
            .map_err(|error| anyhow!(error))
            .with_context(|| format!("cannot open the directory {}", host.display()))?;
    }
    Ok(wasi)
}

/// Connects the standard streams and returns where captured output goes.
fn connect(wasi: &mut WasiCtxBuilder, streams: &Streams) -> Result<(MemoryOutputPipe, MemoryOutputPipe)> {
    let (stdout, stderr) = (MemoryOutputPipe::new(usize::MAX), MemoryOutputPipe::new(usize::MAX));
    match streams {
        Streams::Inherited => wasi.inherit_stdio(),
        Streams::Captured(stdin) => {
            wasi.stdin(MemoryInputPipe::new(stdin.clone())).stdout(stdout.clone()).stderr(stderr.clone())
        }
        Streams::Piped(stdin) => wasi.inherit_stdout().inherit_stderr().stdin(piped(stdin)?),
    };
    Ok((stdout, stderr))
}

/// A pipe as standard input: a poll in the program waits for its bytes.
fn piped(stdin: &PipeReader) -> Result<AsyncStdinStream> {
    let pipe = stdin.try_clone().context("the pipe of standard input")?;
    let receiver = with_ambient_tokio_runtime(|| Receiver::from_owned_fd(pipe.into()));
    Ok(AsyncStdinStream::new(receiver.context("the pipe of standard input")?))
}

/// WASI preview 1, with a `proc_exit` that takes every code.
fn linker(engine: &Engine) -> Result<Linker<WasiP1Ctx>> {
    let mut linker = Linker::new(engine.wasmtime());
    p1::add_to_linker_sync(&mut linker, |context| context).map_err(|error| anyhow!(error))?;
    linker.allow_shadowing(true);
    let exit = |code: i32| -> wasmtime::Result<()> { Err(I32Exit(code).into()) };
    linker.func_wrap("wasi_snapshot_preview1", "proc_exit", exit).map_err(|error| anyhow!(error))?;
    Ok(linker)
}
