//! Runs a program to its end in a machine that waits for one, deterministically.

use crate::console::Tail;
use crate::ready;
use anyhow::{Result, bail};
use channel::{Start, ToHost};
use runtime::devices::Stream;
use runtime::session::{Event, Launch, Output, Session};

/// Hands output on and keeps the console's end.
struct Tee<'a> {
    console: Tail,
    output: &'a mut dyn Output,
}

impl Output for Tee<'_> {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        self.console.write(stream, bytes);
        self.output.write(stream, bytes);
    }
}

/// Runs a program with `stdin` as its standard input, at most until `limit` instructions retired since power-up; returns
/// its exit code. The program must have no terminal.
///
/// # Errors
/// When init fails, the guest shuts down or waits for ever, or the limit is reached: with the console's last lines.
pub fn run(session: &mut Session, start: Start, stdin: &[u8], limit: u64, output: &mut dyn Output) -> Result<u8> {
    let mut tee = Tee { console: Tail::default(), output };
    let launch = session.launch(start);
    let ended = run_to_exit(session, launch, stdin, limit, &mut tee);
    ended.map_err(|error| error.context(tee.console.report("the program did not come to its end")))
}

fn run_to_exit(
    session: &mut Session,
    mut launch: Launch,
    mut stdin: &[u8],
    limit: u64,
    output: &mut dyn Output,
) -> Result<u8> {
    let mut open = true;
    loop {
        if !stdin.is_empty() {
            stdin = &stdin[session.push(Stream::Stdin, stdin)..];
        } else if open {
            session.close(Stream::Stdin);
            open = false;
        }
        match session.step(limit, output)? {
            Event::Message(ToHost::Exit(code)) => return Ok(code),
            Event::Message(ToHost::Failed(why)) => bail!("init failed: {why}"),
            Event::Message(message) => match launch.answer(&message) {
                Some(answer) => session.send(&answer),
                None => bail!("configuration channel: expected Exit, got {message:?}"),
            },
            event => ready::go_on(session, &event)?,
        }
    }
}
