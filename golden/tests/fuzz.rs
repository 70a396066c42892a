//! The fuzz targets' bodies on seeded inputs, and on all that once broke a rule.

use golden::fuzz::{execute, seeded, translate};
use golden::generate::Random;
use std::path::Path;

type Target = fn(&[u8]) -> anyhow::Result<()>;

/// Runs inputs; a panic names the input too.
fn run(name: &str, target: Target, inputs: impl Iterator<Item = Vec<u8>>) -> usize {
    let mut count = 0;
    for input in inputs {
        let outcome = std::panic::catch_unwind(|| target(&input));
        let digits: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        match outcome {
            Ok(Ok(())) => count += 1,
            Ok(Err(error)) => panic!("{name} {digits}: {error:#}"),
            Err(_) => panic!("{name} {digits}: panics"),
        }
    }
    count
}

fn seeds(count: u64) -> impl Iterator<Item = Vec<u8>> {
    let from = std::env::var("PRELIFT_SEED").map_or(1, |seed| seed.parse().expect("PRELIFT_SEED is a number"));
    (0..count).map(move |n| seeded(&mut Random::new((n << 32).wrapping_add(from))))
}

/// The inputs in `fuzz/found/NAME.txt`.
fn found(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/found").join(name).with_extension("txt");
    let text = std::fs::read_to_string(path).unwrap();
    let byte = |line: &str, at: usize| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| (0..line.len()).step_by(2).map(|at| byte(line, at)).collect()).collect()
}

#[test]
fn any_bytes_decode_alike_at_all_levels_and_change_nothing_where_they_fault() {
    run("execute", execute, found("execute").into_iter());
    assert_eq!(run("execute", execute, seeds(2000)), 2000);
}

#[test]
fn any_bytes_translate_to_a_valid_module() {
    run("translate", translate, found("translate").into_iter());
    assert_eq!(run("translate", translate, seeds(2000)), 2000);
}

#[test]
#[ignore = "takes minutes: tier 2"]
fn many_bytes_do() {
    run("execute", execute, seeds(1_000_000));
    run("translate", translate, seeds(300_000));
}
