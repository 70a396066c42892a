//! A real kernel in the interpreter: lockstep of a loaded machine with the original, a command run to its end, and
//! directories of the host.

use channel::{Directory, Start};
use kernel_snapshot::cache::Cache;
use kernel_snapshot::ready::{self, ReadyRequest};
use kernel_snapshot::{command, guest, testing};
use runtime::devices::virtio::ninep::SharedDirectory;
use runtime::devices::{Backends, Stream};
use runtime::host::tree::UnixTree;
use runtime::memory::ImageSource;
use runtime::session::{Event, Output, Session};
use runtime::snapshot::Snapshot;
use runtime::vm::Resume;
use std::process::Command;

struct Parts {
    vmlinux: Vec<u8>,
    init: Vec<u8>,
    image: ImageSource,
}

impl Parts {
    fn get() -> Parts {
        let image = testing::busybox_image(tempfile::tempdir().unwrap().path()).unwrap();
        let init = guest::init_binary(&Cache::of_user().unwrap(), &|line| eprintln!("{line}")).unwrap();
        let vmlinux = std::fs::read(testing::vmlinux().unwrap()).unwrap();
        Parts { vmlinux, init, image: ImageSource::of_bytes(image) }
    }

    fn request(&self) -> ReadyRequest<'_> {
        ReadyRequest {
            vmlinux: &self.vmlinux,
            init: &self.init,
            ram_size: 128 << 20,
            level: x86::Level::default(),
            image: &self.image,
            drive: false,
            extra: "",
        }
    }
}

/// What a program wrote.
#[derive(Debug, Default, PartialEq, Eq)]
struct Written {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Output for Written {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Stdout => self.out.extend(bytes),
            Stream::Stderr => self.err.extend(bytes),
            _ => {}
        }
    }
}

fn run_to(session: &mut Session, limit: u64) {
    loop {
        match session.step(limit, &mut Written::default()).unwrap() {
            Event::Limit => return,
            event => ready::go_on(session, &event).unwrap(),
        }
    }
}

fn start(args: &[&str]) -> Start {
    let strings = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    Start {
        args: strings(args),
        env: strings(&["PATH=/bin", "NAME=value"]),
        cwd: "/".into(),
        hostname: "guest".into(),
        wall_clock_ns: 1_800_000_000_000_000_000,
        seed: vec![1; 32],
        ..Start::default()
    }
}

#[test]
fn a_loaded_boot_goes_on_in_lockstep() {
    let parts = Parts::get();
    let mut original = ready::power_up(&parts.request()).unwrap();
    for taken in [3_000_000, 9_000_001] {
        run_to(&mut original, taken);
        let snapshot = Snapshot::take(&mut original, [0; 32]);
        let mut loaded = snapshot.restore(&parts.image, ready::backends()).unwrap();
        for session in [&mut original, &mut loaded] {
            run_to(session, taken + 5_000_000);
        }
        let (expected, found) = (Snapshot::take(&mut original, [0; 32]), Snapshot::take(&mut loaded, [0; 32]));
        assert_ne!(expected.ram, snapshot.ram, "the boot writes RAM");
        assert!(expected == found, "snapshot at {taken}: the loaded machine parts from the original");
    }
}

#[test]
fn runs_a_command_natively() {
    let parts = Parts::get();
    let request = parts.request();
    let mut original = ready::boot(&request, &|line| eprintln!("{line}")).unwrap();
    let snapshot = Snapshot::take(&mut original, request.boot_digest().0);
    let pages = &snapshot.ram;
    assert!(
        pages.span() <= 2 * pages.count(),
        "{} pages spread over {}: modules would be copied",
        pages.count(),
        pages.span()
    );

    let mut loaded = snapshot.restore(&parts.image, ready::backends()).unwrap();
    let script = "echo $NAME; read line; echo got $line >&2; uname -n; date -u +%Y; exit 3";
    let ran = [&mut original, &mut loaded].map(|session| {
        let mut written = Written::default();
        let start = start(&["busybox", "sh", "-c", script]);
        let code = command::run(session, start, b"a line\nmore", 1 << 30, &mut written).unwrap();
        (code, written, Snapshot::take(session, [0; 32]))
    });
    let (code, written, _) = &ran[0];
    assert_eq!((*code, String::from_utf8_lossy(&written.out).as_ref()), (3, "value\nguest\n2027\n"));
    assert_eq!(String::from_utf8_lossy(&written.err), "got a line\n");
    assert!(ran[0] == ran[1], "the loaded machine ends otherwise than the original");
}

/// A guest whose image is a drive reads it from there, and is the same machine otherwise.
#[test]
fn the_image_may_be_a_drive() {
    let parts = Parts::get();
    let request = ReadyRequest { drive: true, ..parts.request() };
    assert_ne!(request.boot_digest(), parts.request().boot_digest());
    let snapshot = ready::ready_snapshot(&request, &Cache::Refused, &|_| ()).unwrap();
    let header = snapshot.header;
    assert_eq!((header.drive, header.image_size, header.origin.image), (true, parts.image.size, parts.image.digest));
    let mut session = snapshot.restore(&parts.image, ready::backends()).unwrap();
    assert_eq!(session.vm.memory.image_size(), 0);
    let mut written = Written::default();
    let start = start(&["busybox", "sh", "-c", "cat /sys/block/vdb/serial; busybox wc -c < /bin/busybox"]);
    let code = command::run(&mut session, start, b"", 1 << 30, &mut written).unwrap();
    let busybox = std::fs::metadata("/bin/busybox").unwrap().len();
    assert_eq!((code, String::from_utf8(written.out).unwrap()), (0, format!("prelift-image{busybox}\n")));
    let other = ImageSource::of_bytes(vec![0; parts.image.size as usize]);
    assert!(snapshot.restore(&other, ready::backends()).is_err());
}

/// A script does in a directory of the host what it does on the host.
#[test]
fn directories_are_the_hosts() {
    const SCRIPT: &str = include_str!("../directories.sh");
    let parts = Parts::get();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut native = Command::new("busybox");
    native.args(["sh", "-c", SCRIPT, "sh"]).arg(here.path()).env("LC_ALL", "C");
    let expected = native.output().unwrap().stdout;
    let snapshot = ready::ready_snapshot(&parts.request(), &Cache::Refused, &|_| ()).unwrap();
    let tree = Box::new(UnixTree::open(there.path()).unwrap());
    let shared = SharedDirectory { guest: "/data".into(), read_only: false, tree };
    let backends = Backends { directories: Some(vec![shared]), ..ready::backends() };
    let mut session = snapshot.restore(&parts.image, backends).unwrap();
    let start = Start {
        directories: vec![Directory { path: "/data".into(), read_only: false }],
        ..start(&["busybox", "sh", "-c", SCRIPT, "sh", "/data"])
    };
    let mut written = Written::default();
    let code = command::run(&mut session, start, b"", 20 << 30, &mut written).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!((code, text(&written.err)), (0, String::new()));
    assert_eq!(text(&written.out), text(&expected));
    assert!(expected.ends_with(b"end\n"));
}

/// What a resumed machine is told of the host arrives: its random numbers are others, and it runs.
#[test]
fn resumed_machines_differ() {
    let parts = Parts::get();
    let snapshot = ready::ready_snapshot(&parts.request(), &Cache::Refused, &|_| ()).unwrap();
    let [first, again, other] = [1, 1, 2].map(|seed| {
        let mut session = snapshot.restore(&parts.image, ready::backends()).unwrap();
        session.vm.resume(Resume { wall_clock_ns: 1_800_000_000_000_000_000, seed });
        let mut written = Written::default();
        let start = Start { seed: vec![seed as u8; 32], ..start(&["busybox", "cat", "/proc/sys/kernel/random/uuid"]) };
        assert_eq!(command::run(&mut session, start, b"", 1 << 30, &mut written).unwrap(), 0);
        written.out
    });
    assert_eq!(first.len(), 37);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn the_same_request_gives_the_same_snapshot() {
    let parts = Parts::get();
    let taken = || ready::ready_snapshot(&parts.request(), &Cache::Refused, &|_| ()).unwrap();
    assert!(taken() == taken());
}

/// The kernel takes longer to make a large image a device, and shows its name before that is done.
#[test]
fn large_images_are_waited_for() {
    let mut parts = Parts::get();
    let image = parts.image.clone();
    for mebibytes in [384, 400, 416, 432] {
        let mut bytes = vec![0; image.size as usize];
        image.read(&mut bytes, 0).unwrap();
        bytes.resize(mebibytes << 20, 0);
        parts.image = ImageSource::of_bytes(bytes);
        if let Err(error) = ready::boot(&parts.request(), &|_| ()) {
            panic!("an image of {mebibytes} MiB: {error:#}");
        }
    }
}

#[test]
fn what_init_misses_is_in_the_error() {
    let parts = Parts::get();
    let error = ready::boot(&ReadyRequest { image: &ImageSource::none(), ..parts.request() }, &|_| ()).err().unwrap();
    assert!(format!("{error:#}").contains("neither /dev/pmem0 nor /dev/vdb nor /dev/vda is there"), "{error:#}");
    let error = ready::boot(&ReadyRequest { init: b"no program", ..parts.request() }, &|_| ()).err().unwrap();
    assert!(format!("{error:#}").contains("Kernel panic"), "{error:#}");
}
