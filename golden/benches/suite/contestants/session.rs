//! A process that gets commands one after the other, over its standard input or a socket, and answers there.
//!
//! The protocol is the one of `test_images::agent`. What the process uses between command and answer is the command's.

use super::{Contestant, Sample};
use crate::process::{Of, Signal, tell, used};
use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use test_images::agent::{CODE, END};

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(900);
/// Between two looks for a connection.
const LOOK: Duration = Duration::from_millis(20);

/// The process, which ends with this.
pub(crate) struct Session {
    child: Child,
    input: Box<dyn Write>,
    answers: Receiver<Vec<u8>>,
    /// Whether it is stopped between commands.
    stopped: bool,
}

impl Session {
    /// Starts a process that listens on its standard input, and waits until it has answered for the first time.
    pub(crate) fn start(command: &mut Command) -> Result<Session> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run {name}"))?;
        let (input, output) = (child.stdin.take().context("a pipe")?, child.stdout.take().context("a pipe")?);
        let mut session = Session { child, input: Box::new(input), answers: answers(output), stopped: false };
        session.answer().with_context(|| format!("{name} does not start"))?;
        Ok(session)
    }

    /// Starts a process that connects to a socket, is stopped between commands, and has to connect within `patience`.
    pub(crate) fn listen(command: &mut Command, socket: &TcpListener, patience: Duration) -> Result<Session> {
        let name = command.get_program().to_string_lossy().into_owned();
        // In a group of its own: a stopped process makes the system hang up on its group when the terminal's shell ends.
        let mut child = command.process_group(0).spawn().with_context(|| format!("cannot run {name}"))?;
        let stream = match accept(socket, patience) {
            Ok(stream) => stream,
            Err(error) => {
                // It may have ended already.
                let _ = child.kill();
                let _ = child.wait();
                return Err(error.context(name));
            }
        };
        let answers = answers(stream.try_clone()?);
        let mut session = Session { child, input: Box::new(stream), answers, stopped: true };
        session.answer().with_context(|| format!("{name} does not start"))?;
        tell(&session.child, Signal::Stop)?;
        Ok(session)
    }

    /// Output and exit code.
    fn answer(&mut self) -> Result<(Vec<u8>, i32)> {
        let mut answer = match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => bail!("no answer within {PATIENCE:?}"),
            Err(RecvTimeoutError::Disconnected) => bail!("ended ({})", self.child.wait()?),
        };
        let text = || String::from_utf8_lossy(&answer).into_owned();
        let at = answer.iter().rposition(|byte| *byte == CODE).with_context(|| format!("ended with {:?}", text()))?;
        let code = std::str::from_utf8(&answer[at + 1..])?.parse().with_context(text)?;
        answer.truncate(at);
        Ok((answer, code))
    }
}

/// Whole answers, without their end.
fn answers(output: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    let output = BufReader::new(output);
    std::thread::spawn(move || output.split(END).map_while(Result::ok).try_for_each(|answer| sender.send(answer)));
    receiver
}

fn accept(socket: &TcpListener, patience: Duration) -> Result<TcpStream> {
    socket.set_nonblocking(true)?;
    let begin = Instant::now();
    loop {
        match socket.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                ensure!(begin.elapsed() < patience, "does not connect within {patience:?}");
                std::thread::sleep(LOOK);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

impl Contestant for Session {
    fn run(&mut self, words: &[String]) -> Result<Sample> {
        ensure!(words.iter().all(|word| !word.contains(' ')), "{words:?}: a blank");
        let of = Of::Process(self.child.id());
        let (cpu, wall) = (used(of)?, Instant::now());
        self.input.write_all(&[words.join(" ").as_bytes(), &[END]].concat())?;
        self.input.flush()?;
        if self.stopped {
            tell(&self.child, Signal::Continue)?;
        }
        let answer = self.answer();
        if self.stopped {
            tell(&self.child, Signal::Stop)?;
        }
        let (output, code) = answer?;
        Ok(Sample { cpu: used(of)? - cpu, wall: wall.elapsed(), output, code })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
