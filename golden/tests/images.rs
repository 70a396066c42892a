//! Commands in a converted image: blessed outputs, the same translated, interpreted and on the host's own kernel.
//!
//! A case is a file in `golden/cases`; `INSTA_UPDATE=always cargo test -p golden --test images` blesses its output.

use golden::images::native::Native;
use golden::images::{busybox, case, suite};
use std::path::Path;

#[test]
fn commands_do_the_same_translated_interpreted_and_natively() {
    let image = busybox().unwrap();
    let native = Native::new(&test_images::busybox().unwrap());
    let cases = case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")).unwrap();
    let answers = suite::run(&cases, image, &native).unwrap();
    for answer in &answers {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(answer.name.clone(), answer.interpreted);
        });
    }
    let wrong: Vec<_> = answers.into_iter().flat_map(|answer| answer.differences).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
