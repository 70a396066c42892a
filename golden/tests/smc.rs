//! Code that changes after it has run: `test-images/src/smc.c`, whose image is trained with these very cases, so that the
//! code that changes is translated code. Each case checks its own sums.

use golden::images::{Converted, Mode, Run};
use std::sync::OnceLock;
use test_images::smc::CASES;

fn image() -> &'static Converted {
    static IMAGE: OnceLock<Converted> = OnceLock::new();
    IMAGE.get_or_init(|| Converted::new(&test_images::smc().unwrap(), "/bin/smc; /bin/smc spaces").unwrap())
}

#[test]
fn changed_code_is_what_runs() {
    let image = image();
    let mut wrong = Vec::new();
    for case in CASES {
        let run = Run { command: vec![case.into()], ..Run::default() };
        let [translated, interpreted] = Mode::ALL.map(|mode| image.run(mode, &run).unwrap());
        let text = String::from_utf8_lossy(&interpreted.stdout).into_owned();
        if interpreted.code != 0 || !text.starts_with(&format!("{case} right ")) {
            wrong.push(format!("interpreted: exit {}, {text}", interpreted.code));
        }
        if translated != interpreted {
            let text = String::from_utf8_lossy(&translated.stdout);
            wrong.push(format!("{case}, translated: exit {}, {text}", translated.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A guest's compiler changes pages' rights all the time, which must not cost what runs beside its code: 448 rounds, whose own code
/// no region has, bind less than one region each.
#[test]
fn rights_of_pages_change_and_regions_stay_bound() {
    // The same program, which ends at once: what binds before any round.
    let start = regions_bound(&["child"]);
    let all = regions_bound(&["compiler", "elsewhere"]);
    assert!(all < start + 400, "{start} regions are bound at the start, {all} in all");
}

fn regions_bound(command: &[&str]) -> u64 {
    let command = command.iter().map(|&word| word.to_owned()).collect();
    let run = Run { options: vec!["--stats=json".into()], command, ..Run::default() };
    let outcome = image().run(Mode::Translated, &run).unwrap();
    let text = String::from_utf8_lossy(&outcome.stderr);
    let stats: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    stats["regions_bound"].as_u64().unwrap()
}
