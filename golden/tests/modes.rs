//! 32-bit code in the guest: the same translated, interpreted and on the host's own processor.
//!
//! `modes` is a 64-bit program that runs 32-bit code of its own (`test-images/src/modes.c`), trained with its own cases, so
//! that code which both modes run is translated. The other image is busybox for Debian's i386, which runs the cases of
//! `golden/cases` with the outputs that are blessed for the 64-bit one.

use golden::images::native::Native;
use golden::images::{Converted, Mode, Run, case, render};
use kernel_snapshot::cache::{Cache, Recipe};
use kernel_snapshot::testing;
use std::path::Path;
use test_images::modes::CASES;

#[test]
fn both_modes_in_one_program() {
    let recipe = test_images::modes().unwrap();
    let image = Converted::new(&recipe, "/bin/modes").unwrap();
    let native = Native::new(&recipe);
    if let Err(reason) = &native {
        testing::skipped(&format!("nothing runs natively: {reason:#}"));
    }
    let mut wrong = Vec::new();
    for case in CASES {
        let run = Run { command: vec![case.into()], ..Run::default() };
        let whole = Run { command: vec!["/bin/modes".into(), case.into()], ..Run::default() };
        let [translated, interpreted] = Mode::ALL.map(|mode| render(&image.run(mode, &run).unwrap()));
        assert!(interpreted.starts_with("exit 0\n") && interpreted.len() > 40, "{case}: {interpreted}");
        if translated != interpreted {
            wrong.push(format!("{case}: interpreted\n{interpreted}\ntranslated\n{translated}"));
        }
        let host = native.as_ref().ok().map(|native| render(&native.run(&whole).unwrap()));
        if let Some(host) = host.filter(|host| *host != interpreted) {
            wrong.push(format!("{case}: interpreted\n{interpreted}\nnative\n{host}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "tier 2: a second image with all cases"]
fn a_32_bit_busybox_does_what_the_64_bit_one_does() {
    let cache = Cache::of_user().unwrap();
    let digest = Recipe::new("busybox-static i386 of Debian 12").digest();
    let make = |directory: &Path| test_images::busybox_i386(directory).map(drop);
    let entry = cache.entry("package", digest, &|line| eprintln!("{line}"), make);
    let recipe = match entry.and_then(|entry| test_images::busybox_i386(entry.path())) {
        Ok(recipe) => recipe,
        Err(reason) => return testing::skipped(&format!("no 32-bit busybox: {reason:#}")),
    };
    let image = Converted::new(&recipe, "ls -l / | sort | head -n 3; exit 0").unwrap();
    let native = Native::new(&recipe);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for case in case::load(&directory.join("cases")).unwrap() {
        let [translated, interpreted] = Mode::ALL.map(|mode| render(&image.run(mode, &case.run).unwrap()));
        let mut outputs = vec![("translated", translated), ("interpreted", interpreted)];
        if let (None, Ok(native)) = (&case.not_native, &native) {
            outputs.push(("native", render(&native.run(&case.run).unwrap())));
        }
        let blessed = std::fs::read_to_string(directory.join(format!("tests/snapshots/{}.snap", case.name))).unwrap();
        let blessed = blessed.splitn(3, "---\n").nth(2).expect("a snapshot has a head");
        for (who, output) in outputs.iter().filter(|(_, output)| output.trim_end() != blessed.trim_end()) {
            wrong.push(format!("{}: expected\n{blessed}\n{who}\n{output}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
