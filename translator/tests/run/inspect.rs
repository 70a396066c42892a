//! What `prelift inspect` says of a converted image.

use crate::module::busybox;
use crate::process::prelift_run_of;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Runs a command that ends with success; what it wrote to its standard streams.
fn output(command: &mut Command) -> (String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{command:?}: {stderr}");
    (stdout, stderr)
}

fn inspect(options: &[&str], module: &Path) -> String {
    output(Command::new(env!("CARGO_BIN_EXE_prelift")).arg("inspect").args(options).arg(module)).0
}

fn as_json(module: &Path) -> Value {
    serde_json::from_str(&inspect(&["--json"], module)).unwrap()
}

#[test]
fn a_converted_image_tells_its_regions() {
    let report = as_json(busybox());
    let regions = &report["regions"];
    let binaries = regions["binaries"].as_array().unwrap();
    for name in ["kernel", "bin/busybox"] {
        let binary = binaries.iter().find(|binary| binary["name"] == name).unwrap_or_else(|| panic!("{binaries:?}"));
        let (ran, translated) = (binary["ran"].as_u64().unwrap(), binary["translated"].as_u64().unwrap());
        assert!(translated <= ran && translated > ran / 2, "{binary}");
    }
    let rows = regions["rows"].as_array().unwrap();
    assert_eq!(rows.len() as u64, report["prelift"]["code"]["regions"].as_u64().unwrap());
    let sum = |name: &str| rows.iter().map(|row| row[name].as_u64().unwrap()).sum::<u64>();
    for name in ["entries", "instructions", "guest_bytes", "wasm_bytes"] {
        assert_eq!(sum(name), report["prelift"]["code"][name].as_u64().unwrap(), "{name}");
    }
    assert!(rows.iter().any(|row| row["side_exits"]["miss"].as_u64() > Some(0)));
}

#[test]
fn the_figures_take_little_of_the_module() {
    let report = as_json(busybox());
    let size = |name: &str| {
        let sections = report["sections"].as_array().unwrap();
        sections.iter().find(|section| section["name"] == name).and_then(|section| section["size"].as_u64()).unwrap()
    };
    let (figures, code) = (size("\"prelift.regions\""), size("code"));
    assert!(figures * 50 < code, "{figures} bytes of figures for {code} bytes of code");
}

#[test]
fn the_page_shows_the_hottest_region_and_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (_, stats) = output(&mut prelift_run_of(busybox(), &["--stats=json"], &["sh", "-c", "echo said >&2"]));
    std::fs::write(path("stats"), &stats).unwrap();
    assert_eq!(inspect(&["--html", &path("page"), "--stats", &path("stats")], busybox()), "");
    let page = std::fs::read_to_string(path("page")).unwrap();
    let hottest = &as_json(busybox())["regions"]["rows"][0];
    let name = hottest["function"].as_str().unwrap();
    let row = format!("<tr><td class=\"n\">1</td><td class=\"name\" title=\"{name}\">{name}</td>");
    assert!(page.contains(&row), "expected {row}");
    assert!(page.contains("<td>tlb miss</td>"), "the run's exits, of {stats}");
}
