//! Commands in a converted image: blessed outputs, the same translated, interpreted and on the host's own kernel.
//!
//! A case is a file in `golden/cases`; `INSTA_UPDATE=always cargo test -p golden --test images` blesses its output.

use golden::images::native::Native;
use golden::images::{Mode, busybox, case, render};
use std::path::Path;

#[test]
fn commands_do_the_same_translated_interpreted_and_natively() {
    let image = busybox().unwrap();
    let native = Native::new(&test_images::busybox().unwrap());
    if let Err(reason) = &native {
        eprintln!("skipped: no case runs natively: {reason:#}");
    }
    let cases = case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")).unwrap();
    assert!(!cases.is_empty());
    let mut wrong = Vec::new();
    for case in cases {
        let interpreted = render(&image.run(Mode::Interpreted, &case.run).unwrap());
        let translated = render(&image.run(Mode::Translated, &case.run).unwrap());
        let mut compare = |other: &str, text: String| {
            if text != interpreted {
                wrong.push(format!("{}: interpreted\n{interpreted}\n{other}\n{text}", case.name));
            }
        };
        compare("translated", translated);
        match (&case.not_native, &native) {
            (Some(reason), _) => eprintln!("skipped: {} does not run natively: {reason}", case.name),
            (None, Ok(native)) => compare("native", render(&native.run(&case.run).unwrap())),
            (None, Err(_)) => {}
        }
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(case.name.clone(), interpreted);
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
