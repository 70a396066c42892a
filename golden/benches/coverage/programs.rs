//! What runs: two images, the programs that they are trained with, and others.

use crate::options::ImageName;
use anyhow::Result;
use kernel_snapshot::cache::Cache;
use std::fmt::Write;
use test_images::Recipe;
use test_images::bench::{Image, ROWS};
use test_images::layer::LayerBuilder;

/// An image and its programs.
pub(crate) struct Suite {
    pub(crate) recipe: Recipe,
    /// MiB of the guest's memory.
    pub(crate) ram: u64,
    /// A shell's script.
    pub(crate) training: String,
    programs: Vec<Program>,
}

/// A program at work.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// Whether it is part of the training, with another input.
    pub(crate) trained: bool,
    pub(crate) script: String,
}

/// Busybox's programs: name, whether it is trained, and what it does with the text `$f`.
#[rustfmt::skip]
const APPLETS: [(&str, bool, &str); 18] = [
    ("sh",        true,  "i=0; while read -r a b; do case $a in s*) i=$((i+${#b}));; esac; done < $f; echo $i"),
    ("sed",       true,  "sed -e 's/\\([a-m]*\\) \\([n-z]*\\)/\\2 \\1/g' -e '/^x/d' $f | tail -n 1"),
    ("awk",       true,  "awk '{ n[$1] += length($2) } END { for (w in n) s += n[w]; print s, NR }' $f"),
    ("sort",      true,  "sort $f | head -n 3; sort -k 2 -r $f | head -n 3"),
    ("grep",      true,  "grep -c 'a[a-f]*e' $f; grep -v q $f | wc -l"),
    ("gzip",      true,  "gzip -c $f | gunzip -c | wc -c"),
    ("sha256sum", true,  "sha256sum $f"),
    ("ls",        true,  "ls -lR /bin /etc | wc -l"),
    ("md5sum",    false, "md5sum $f; sha1sum $f"),
    ("tar",       false, "tar -cf - /input | tar -tvf -"),
    ("find",      false, "find / -xdev -name '*s*' -type l | wc -l"),
    ("bzip2",     false, "head -c 60000 $f | bzip2 -c | bunzip2 -c | wc -c"),
    ("diff",      false, "head -n 800 $f > /tmp/a; tail -n +5 /tmp/a > /tmp/b; diff /tmp/a /tmp/b | wc -l"),
    ("dc",        false, "echo '2 200 ^ 3 % p 355 113 / p' | dc; i=0; while [ $i -lt 50 ]; do expr $i '*' 7 % 5; i=$((i+1)); done | uniq -c"),
    ("hexdump",   false, "hexdump -C $f | tail -n 2; od -c $f | tail -n 2"),
    ("cut",       false, "cut -c 2-9 $f | tr a-y b-z | uniq | wc -l; fold -w 20 $f | rev | tail -n 1"),
    ("factor",    false, "i=1000000; while [ $i -lt 1000100 ]; do factor $i; i=$((i+1)); done | tail -n 1"),
    ("base64",    false, "base64 $f | base64 -d | wc -c; crc32 $f; uuencode x < $f | tail -n 1"),
];

/// Rows of the benchmark suite that the image of Debian packages is trained with. Others run untrained.
const TRAINED: [&str; 6] = ["gzip", "sort", "awk", "perl", "python-loop", "gcc"];
const UNTRAINED: [&str; 7] = ["xz", "sha256sum", "openssl-aes", "grep", "lua", "sqlite-query", "ls"];
/// Seeds of their inputs.
const TRAINING_SEED: u32 = 2;
const SEED: u32 = 1;

/// Lines of the texts.
const TRAINING_LINES: u32 = 300;
const LINES: u32 = 4000;

impl Suite {
    /// Makes the image.
    ///
    /// # Errors
    /// If its packages are not to be had.
    pub(crate) fn new(image: ImageName) -> Result<Suite> {
        match image {
            ImageName::Busybox => busybox(),
            ImageName::Real => real(),
        }
    }

    /// What is measured.
    pub(crate) fn programs(&self) -> Vec<Program> {
        self.programs.clone()
    }
}

fn busybox() -> Result<Suite> {
    let mut recipe = test_images::busybox()?;
    let mut layer = LayerBuilder::new();
    layer.directory("input", 0o755)?;
    layer.file("input/training", 0o644, text(TRAINING_SEED, TRAINING_LINES).as_bytes())?;
    layer.file("input/text", 0o644, text(SEED, LINES).as_bytes())?;
    recipe.layers.push(layer.finish()?);
    let trained = APPLETS.iter().filter(|(_, trained, _)| *trained);
    let training = trained.fold("f=/input/training".to_owned(), |all, (_, _, script)| format!("{all}; {script}"));
    let program =
        |&(name, trained, script): &(_, _, &str)| Program { name, trained, script: format!("f=/input/text; {script}") };
    Ok(Suite { recipe, ram: 128, training, programs: APPLETS.iter().map(program).collect() })
}

fn real() -> Result<Suite> {
    let recipe = test_images::bench::real(&Cache::of_user()?, &|text| eprintln!("{text}"))?;
    let script = |name: &str, few: u32, seed: u32| format!("sh /bench/rows.sh {name} {few} {seed}");
    let rows = ROWS.iter().filter(|row| row.image == Image::Real);
    let named = |names: &[&str]| rows.clone().filter(|row| names.contains(&row.name)).collect::<Vec<_>>();
    let training: Vec<String> = named(&TRAINED).iter().map(|row| script(row.name, row.few, TRAINING_SEED)).collect();
    let program = |trained: bool| {
        move |row: &&test_images::bench::Row| Program {
            name: row.name,
            trained,
            script: script(row.name, row.few, SEED),
        }
    };
    let trained = named(&TRAINED);
    let untrained = named(&UNTRAINED);
    let programs = trained.iter().map(program(true)).chain(untrained.iter().map(program(false))).collect();
    Ok(Suite { recipe, ram: 512, training: training.join("; "), programs })
}

/// Lines of three words.
fn text(seed: u32, lines: u32) -> String {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut below = |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let mut text = String::new();
    for _ in 0..lines {
        for space in [" ", " ", "\n"] {
            for _ in 0..1 + below(8) {
                text.push(char::from(b'a' + below(26) as u8));
            }
            let _ = write!(text, "{space}");
        }
    }
    text
}
