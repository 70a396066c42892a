//! Code that changes after it has run: `test-images/src/smc.c`, whose image is trained with these very cases, so that the
//! code that changes is translated code. Each case checks its own sums.

use golden::images::{Converted, Mode, Run};
use test_images::smc::CASES;

#[test]
fn changed_code_is_what_runs() {
    let image = Converted::new(&test_images::smc().unwrap(), "/bin/smc; /bin/smc spaces").unwrap();
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
