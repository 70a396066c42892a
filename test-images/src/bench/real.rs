//! The image of real programs: Debian packages, a script of rows, and their inputs.

use std::fmt::Write;

use anyhow::Result;
use kernel_snapshot::cache::Cache;

use crate::debian::Debian;
use crate::layer::LayerBuilder;
use crate::pack::Recipe;

/// What the rows run.
const PACKAGES: Debian = Debian {
    name: "bench",
    packages: &["gcc", "libc6-dev", "lua5.4", "openssl", "perl", "python3", "sqlite3", "xz-utils"],
    command: "sh",
};

/// Scripts, at `/bench`.
#[rustfmt::skip]
const SCRIPTS: [(&str, &str); 5] = [
    ("rows.sh", include_str!("real/rows.sh")),
    ("loop.py", include_str!("real/loop.py")),
    ("records.py", include_str!("real/records.py")),
    ("row.lua", include_str!("real/row.lua")),
    ("row.pl",  include_str!("real/row.pl")),
];

/// Inputs by seed: the program that is compiled.
const PROGRAMS: [(u64, &str); 2] = [(1, include_str!("memory.c")), (2, include_str!("control.c"))];

/// Bytes of the text, how often it is in the large one, and lines of numbers.
const TEXT: usize = 256 << 10;
const REPEATED: usize = 16;
const NUMBERS: usize = 10_000;

/// The image `debian-bench:bookworm`; `/bench/rows.sh ROW ITERATIONS SEED` runs a row, with the seed 1 or 2. Errors as
/// [`Debian::recipe`].
pub fn real(cache: &Cache, say: &dyn Fn(&str)) -> Result<Recipe> {
    let mut recipe = PACKAGES.recipe(cache, say)?;
    let mut layer = LayerBuilder::new();
    layer.directory("bench", 0o755)?;
    for (name, text) in SCRIPTS {
        layer.file(&format!("bench/{name}"), 0o755, text.as_bytes())?;
    }
    for (seed, program) in PROGRAMS {
        let directory = format!("bench/input-{seed}");
        let text = text(seed);
        layer.directory(&directory, 0o755)?;
        for (name, bytes) in [
            ("bench.h", include_str!("bench.h").to_owned()),
            ("program.c", program.to_owned()),
            ("numbers", numbers(seed)),
            ("large", text.repeat(REPEATED)),
            ("text", text),
        ] {
            layer.file(&format!("{directory}/{name}"), 0o644, bytes.as_bytes())?;
        }
    }
    recipe.layers.push(layer.finish()?);
    Ok(recipe)
}

/// Random numbers: xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 33) % limit
    }

    /// Two to nine letters.
    fn word(&mut self) -> String {
        const SYLLABLES: [&str; 16] =
            ["th", "an", "er", "in", "qu", "zo", "al", "re", "st", "en", "ti", "ar", "o", "is", "ha", "de"];
        let count = 1 + self.below(4);
        (0..count).map(|_| SYLLABLES[self.below(16) as usize]).collect()
    }
}

/// Lines of words, some of which are frequent.
fn text(seed: u64) -> String {
    let mut random = Random(seed);
    let words: Vec<String> = (0..3000).map(|_| random.word()).collect();
    let mut text = String::new();
    while text.len() < TEXT {
        let length = 4 + random.below(10);
        let line: Vec<&str> = (0..length)
            .map(|_| {
                let limit = 1 + random.below(words.len() as u64);
                words[random.below(limit) as usize].as_str()
            })
            .collect();
        let _ = writeln!(text, "{}.", line.join(" "));
    }
    text
}

/// Lines of two numbers and a word.
fn numbers(seed: u64) -> String {
    let mut random = Random(seed);
    (0..NUMBERS).fold(String::new(), |mut lines, _| {
        let _ = writeln!(lines, "{} {} {}", random.below(100_000), random.below(1 << 30), random.word());
        lines
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn inputs_are_the_same_each_time_and_differ_by_seed() {
        assert_eq!(super::text(1), super::text(1));
        assert_ne!(super::text(1), super::text(2));
        assert_ne!(super::numbers(1), super::numbers(2));
    }
}
