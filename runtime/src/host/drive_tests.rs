//! The loop against a scripted guest and a scripted host.

use super::*;
use crate::devices::Backends;
use crate::host::system::Sink;
use crate::memory::Memory;
use crate::vm::Vm;
use channel::Start;
use std::collections::VecDeque;
use std::io;

const MS: u64 = 1_000_000;

/// What a guest does in one step.
enum Step {
    Say(Stream, &'static str),
    Event(Event),
    /// Takes this much of its input.
    Take(usize),
}
use Step::{Say, Take};

fn idle(deadline: Option<u64>) -> Step {
    Step::Event(Event::Idle(deadline))
}

fn exit(code: u8) -> Step {
    Step::Event(Event::Message(ToHost::Exit(code)))
}

struct Script {
    standing: Standing,
    steps: VecDeque<Step>,
    tsc: u64,
    /// TSC at each step that was an event.
    times: Vec<u64>,
    sent: Vec<ToGuest>,
    space: usize,
    queue: Vec<u8>,
    input: Vec<u8>,
    ended: bool,
    closed: Vec<Stream>,
}

impl Guest for Script {
    fn standing(&self) -> Standing {
        self.standing
    }

    fn step(&mut self, output: &mut dyn Output) -> Result<Event, SessionError> {
        loop {
            match self.steps.pop_front().expect("the run goes on after the script") {
                Say(stream, text) => output.write(stream, text.as_bytes()),
                Take(count) => {
                    let count = count.min(self.queue.len());
                    self.space += count;
                    self.input.extend(self.queue.drain(..count));
                }
                Step::Event(event) => {
                    self.times.push(self.tsc);
                    if event == Event::Slice {
                        self.tsc += MS;
                    }
                    return Ok(event);
                }
            }
        }
    }

    fn write_snapshot(&mut self, to: &mut dyn Write) -> io::Result<()> {
        let memory = Memory::new(8192, 0).unwrap();
        Session::new(Vm::new(memory, 0, Backends::default())).write_snapshot(to)
    }

    fn send(&mut self, message: &ToGuest) {
        self.sent.push(message.clone());
    }

    fn input_space(&self) -> usize {
        if self.ended { 0 } else { self.space }
    }

    fn push_input(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.space, "more input than there is room for");
        self.space -= bytes.len();
        self.queue.extend(bytes);
    }

    fn close_input(&mut self) {
        self.ended = true;
    }

    fn close_output(&mut self, stream: Stream) {
        self.closed.push(stream);
    }

    fn tsc(&self) -> u64 {
        self.tsc
    }

    fn advance_tsc(&mut self, tsc: u64) {
        self.tsc = self.tsc.max(tsc);
    }

    fn follow_host_time(&mut self) {}
}

/// A host whose time goes on by `tick` at every look at the clock, and by what it waits.
#[derive(Default)]
struct World {
    now: Duration,
    tick: Duration,
    /// What standard input gives: at which time, which bytes; none is its end.
    input: VecDeque<(Duration, &'static [u8])>,
    waits: Vec<(bool, Option<Duration>)>,
    written: Vec<(Sink, String)>,
    /// Writing to it fails.
    broken: Option<(Sink, io::ErrorKind)>,
}

impl Host for World {
    fn now(&mut self) -> Duration {
        self.now += self.tick;
        self.now
    }

    fn wait(&mut self, input: bool, timeout: Option<Duration>) -> bool {
        self.waits.push((input, timeout));
        let end = timeout.map(|timeout| self.now + timeout);
        let arrival = self.input.front().map(|(time, _)| *time).filter(|_| input);
        let ready = arrival.is_some_and(|time| end.is_none_or(|end| time <= end));
        let until = if ready { arrival } else { end };
        self.now = self.now.max(until.expect("a wait without end"));
        ready
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (time, bytes) = self.input.pop_front().expect("a read without end");
        self.now = self.now.max(time);
        let length = bytes.len().min(into.len());
        into[..length].copy_from_slice(&bytes[..length]);
        if length < bytes.len() {
            self.input.push_front((time, &bytes[length..]));
        }
        Ok(length)
    }

    fn write(&mut self, sink: Sink, bytes: &[u8]) -> io::Result<()> {
        match self.broken {
            Some((broken, kind)) if broken == sink => Err(kind.into()),
            _ => {
                self.written.push((sink, String::from_utf8_lossy(bytes).into_owned()));
                Ok(())
            }
        }
    }
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn guest(steps: impl IntoIterator<Item = Step>) -> Script {
    Script {
        standing: Standing::Waiting,
        steps: steps.into_iter().collect(),
        tsc: 0,
        times: Vec::new(),
        sent: Vec::new(),
        space: 8,
        queue: Vec::new(),
        input: Vec::new(),
        ended: false,
        closed: Vec::new(),
    }
}

const REAL: Manner = Manner { deterministic: false, no_input: false, framed: false, stop_signal: 3, checkpoint: None };
const DETERMINISTIC: Manner = Manner { deterministic: true, ..REAL };
const FRAMED: Manner = Manner { framed: true, ..REAL };

fn end(guest: &mut Script, world: &mut World, manner: Manner) -> Result<End, Failure> {
    let mut console = Console::new(world, false);
    let start = Start { args: vec!["x".into()], ..Start::default() };
    Drive::new(guest, &mut console, manner).run(Some(ToGuest::Start(Box::new(start))))
}

/// The exit code.
fn run(guest: &mut Script, world: &mut World, manner: Manner) -> Result<u8, Failure> {
    match end(guest, world, manner)? {
        End::Exit(code) => Ok(code),
        End::Saved => panic!("saved"),
    }
}

#[test]
fn output_and_exit_code_pass_through() {
    let serial = Say(Stream::Serial, "kernel\n");
    let mut guest = guest([Say(Stream::Stdout, "out"), serial, Say(Stream::Stderr, "err"), exit(3)]);
    let mut world = World::default();
    assert_eq!(run(&mut guest, &mut world, REAL).unwrap(), 3);
    assert_eq!(world.written, [(Sink::Stdout, "out".to_owned()), (Sink::Stderr, "err".to_owned())]);
    assert!(matches!(&guest.sent[..], [ToGuest::Start(start)] if start.args == ["x"]));
}

#[test]
fn a_machine_that_has_not_run_boots_first() {
    let say = |message| Step::Event(Event::Message(message));
    let mut booting = guest([say(ToHost::Booted), say(ToHost::Ready), exit(4)]);
    booting.standing = Standing::PowerUp;
    assert_eq!(run(&mut booting, &mut World::default(), REAL).unwrap(), 4);
    assert!(matches!(&booting.sent[..], [ToGuest::Prepare, ToGuest::Start(start)] if start.args == ["x"]));
    let mut twice = guest([say(ToHost::Ready)]);
    assert!(matches!(run(&mut twice, &mut World::default(), REAL), Err(Failure::Message(ToHost::Ready))));
}

#[test]
fn an_idle_guest_waits_for_its_timer_and_sees_the_hosts_time() {
    let mut guest = guest([idle(Some(5 * MS)), idle(Some(5 * MS)), Step::Event(Event::Slice), exit(0)]);
    let mut world = World { input: [(ms(2), &b"ab"[..]), (ms(3), b"")].into(), ..World::default() };
    run(&mut guest, &mut world, REAL).unwrap();
    // Input comes at 2 ms; the rest of the wait ends with the end of input at 3 ms.
    assert_eq!(guest.times, [0, 2 * MS, 3 * MS, 4 * MS]);
    assert_eq!((&guest.queue[..], guest.ended), (&b"ab"[..], true));
    assert_eq!(world.waits, [(true, Some(ms(5))), (true, Some(ms(3)))]);
}

#[test]
fn guest_time_ahead_of_the_hosts_is_waited_for() {
    let slices = || [Step::Event(Event::Slice), Step::Event(Event::Slice)];
    let mut guest = guest(slices().into_iter().chain([idle(Some(3 * MS)), exit(0)]));
    let mut world = World { input: [(ms(900), &b""[..])].into(), ..World::default() };
    run(&mut guest, &mut world, REAL).unwrap();
    assert_eq!(guest.times, [0, MS, 2 * MS, 3 * MS]);
    assert_eq!(world.waits, [(true, Some(ms(3)))]);
}

#[test]
fn a_busy_guest_gets_input_now_and_then() {
    let mut guest = guest((0..20).map(|_| Step::Event(Event::Slice)).chain([exit(0)]));
    let mut world = World { tick: ms(10), input: [(ms(1), &b"ab"[..]), (ms(500), b"c")].into(), ..World::default() };
    run(&mut guest, &mut world, REAL).unwrap();
    assert_eq!(guest.queue, b"ab");
    assert!((2..=4).contains(&world.waits.len()), "{:?}", world.waits);
    assert!(world.waits.iter().all(|wait| *wait == (true, Some(ms(1)))), "{:?}", world.waits);
}

#[test]
fn input_waits_for_room() {
    let steps = [idle(None), idle(Some(9 * MS)), Take(3), idle(None), Take(9), idle(None), exit(0)];
    let mut guest = guest(steps);
    let mut world = World { input: [(ms(1), &b"0123456789"[..]), (ms(2), b"")].into(), ..World::default() };
    run(&mut guest, &mut world, REAL).unwrap();
    assert_eq!((&guest.input[..], guest.ended), (&b"0123456789"[..], true));
    assert_eq!(world.waits[1], (false, Some(ms(8))));
}

#[test]
fn signals_and_sizes_pass_the_input_that_has_no_room() {
    let size = channel::WindowSize { rows: 50, columns: 132 };
    let steps = [idle(None), idle(None), Take(9), idle(None), idle(None), idle(None), exit(0)];
    let mut guest = guest(steps);
    let input: [&[u8]; 4] = [b"\0\x0a\x000123456789", b"\x02\x01\0\x02\x03\x04\0\x32\0\x84\0", b"\x01\0\0", b""];
    let input = input.into_iter().enumerate().map(|(n, bytes)| (ms(n as u64), bytes)).collect();
    let mut world = World { input, ..World::default() };
    run(&mut guest, &mut world, FRAMED).unwrap();
    assert!(
        matches!(&guest.sent[1..], [ToGuest::Signal(2), ToGuest::Resize(sent)] if *sent == size),
        "{:?}",
        guest.sent
    );
    assert_eq!((&guest.input[..], &guest.queue[..], guest.ended), (&b"01234567"[..], &b"89"[..], true));
}

#[test]
fn sigterm_becomes_the_stop_signal_though_there_is_no_input() {
    let mut guest = guest([idle(None), idle(None), exit(0)]);
    let input = [&b"\x02\x01\0\x0f"[..], b"\x02\x01\0\x01"].into_iter().enumerate();
    let input = input.map(|(n, bytes)| (ms(n as u64), bytes)).collect();
    let mut world = World { input, ..World::default() };
    run(&mut guest, &mut world, Manner { no_input: true, ..FRAMED }).unwrap();
    assert!(matches!(&guest.sent[1..], [ToGuest::Signal(3), ToGuest::Signal(1)]), "{:?}", guest.sent);
    assert!(guest.ended);
}

#[test]
fn deterministic_time_and_input_do_not_depend_on_the_host() {
    let play = |pieces: &[&'static [u8]]| {
        let steps = [idle(Some(7 * MS)), Take(5), Step::Event(Event::Slice), idle(Some(30 * MS)), Take(8), exit(0)];
        let mut guest = guest(steps);
        let input = pieces.iter().chain([&&b""[..]]).enumerate().map(|(n, &bytes)| (ms(n as u64), bytes)).collect();
        let mut world = World { tick: ms(pieces.len() as u64), input, ..World::default() };
        run(&mut guest, &mut world, DETERMINISTIC).unwrap();
        assert!(world.waits.is_empty());
        (guest.times, guest.input, guest.ended)
    };
    let all = play(&[b"0123456789ab"]);
    assert_eq!(all.0, [0, 7 * MS, 8 * MS, 30 * MS]);
    assert_eq!(all, play(&[b"01", b"2345", b"6", b"789ab"]));
}

#[test]
fn a_closed_pipe_is_the_guests_too_and_is_tried_once() {
    let mut guest = guest([Say(Stream::Stdout, "a"), idle(None), Say(Stream::Stdout, "b"), exit(141)]);
    let mut world = World { broken: Some((Sink::Stdout, io::ErrorKind::BrokenPipe)), ..World::default() };
    assert_eq!(run(&mut guest, &mut world, REAL).unwrap(), 141);
    assert_eq!((&guest.closed[..], world.written), (&[Stream::Stdout][..], Vec::new()));
}

#[test]
fn a_full_disk_is_reported() {
    let mut guest = guest([Say(Stream::Stdout, "a"), exit(1)]);
    let mut world = World { broken: Some((Sink::Stdout, io::ErrorKind::StorageFull)), ..World::default() };
    run(&mut guest, &mut world, REAL).unwrap();
    assert!(world.written[0].1.starts_with("prelift: cannot write to stdout: "), "{:?}", world.written);
}

#[test]
fn a_guest_that_nothing_can_wake_fails() {
    for manner in [REAL, DETERMINISTIC] {
        let mut world = World { input: [(ms(1), &b""[..])].into(), ..World::default() };
        let result = run(&mut guest([idle(None), idle(None)]), &mut world, manner);
        assert!(matches!(result, Err(Failure::Stuck)), "{result:?}");
    }
    let no_input = Manner { no_input: true, ..DETERMINISTIC };
    assert!(matches!(run(&mut guest([idle(None)]), &mut World::default(), no_input), Err(Failure::Stuck)));
}

#[test]
fn what_init_says_ends_the_run() {
    let fails =
        |message| run(&mut guest([Step::Event(Event::Message(message))]), &mut World::default(), REAL).unwrap_err();
    assert_eq!(fails(ToHost::Failed("Prepare: no image".into())).to_string(), "Prepare: no image");
    assert!(matches!(fails(ToHost::Ready), Failure::Message(ToHost::Ready)));
}

/// A checkpoint's file in a directory of its own.
fn checkpoint(directory: &tempfile::TempDir) -> Checkpoint {
    Checkpoint { path: directory.path().join("saved"), ..Checkpoint::default() }
}

#[test]
fn a_request_saves_the_machine_and_ends_the_run() {
    let directory = tempfile::tempdir().unwrap();
    let manner = Manner { checkpoint: Some(checkpoint(&directory)), ..FRAMED };
    let input: [&[u8]; 2] = [b"\0\x0a\x000123456789", b"\x04\0\0"];
    let input: VecDeque<_> = input.into_iter().enumerate().map(|(n, bytes)| (ms(n as u64), bytes)).collect();
    let mut world = World { input: input.clone(), ..World::default() };
    let mut saved = guest([idle(None), idle(None)]);
    assert_eq!(end(&mut saved, &mut world, manner.clone()).unwrap(), End::Saved);
    let file = std::fs::read(directory.path().join("saved")).unwrap();
    assert_eq!(crate::snapshot::header(&mut file.as_slice()).unwrap().ram_size, 8192);
    let told = &world.written[0].1;
    assert!(told.contains("prelift: saved to ") && told.contains("2 bytes of standard input"), "{told}");
    let running = Checkpoint { leave_running: true, ..checkpoint(&directory) };
    let mut world = World { input, ..World::default() };
    let mut goes_on = guest([idle(None), idle(None), exit(5)]);
    assert_eq!(run(&mut goes_on, &mut world, Manner { checkpoint: Some(running), ..manner }).unwrap(), 5);
}

#[test]
fn a_machine_is_saved_at_its_time_though_nothing_would_wake_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = Checkpoint { after: Some(ms(7)), ..checkpoint(&directory) };
    let manner = Manner { checkpoint: Some(at), no_input: true, ..REAL };
    let mut world = World::default();
    assert_eq!(end(&mut guest([idle(None), idle(None)]), &mut world, manner.clone()).unwrap(), End::Saved);
    assert_eq!(world.waits, [(false, Some(ms(7)))]);
    // What cannot be written does not end the run.
    let at = Checkpoint { path: "/no/such/directory/saved".into(), after: Some(ms(7)), leave_running: false };
    let mut world = World::default();
    assert_eq!(
        run(&mut guest([idle(None), exit(6)]), &mut world, Manner { checkpoint: Some(at), ..manner }).unwrap(),
        6
    );
    assert!(world.written[0].1.contains("/no/such/directory/saved: the snapshot could not be written"));
}
