//! `rows generate` writes `golden/rows/*.txt` from the instruction table, outputs from the host's processor.
//! `rows soak CASES SEED` runs that many random cases per code on the host twice and reports what is not reproducible, and the speed.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["generate"] => host::generate(),
        ["soak", cases, seed] => host::soak(cases.parse()?, seed.parse()?),
        _ => anyhow::bail!("expected `generate` or `soak CASES SEED`"),
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("the outputs come from the host's processor: expected x86-64 Linux")
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod host {
    use anyhow::{Context, Result};
    use golden::differential::Differential;
    use golden::generate::{Amount, Family, codes};
    use golden::{oracle::Oracle, seeds, suite};
    use std::time::Instant;

    pub(crate) fn generate() -> Result<()> {
        let folder = suite::folder();
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        for (name, text) in seeds::files(&mut Oracle::new()?)? {
            let path = folder.join(name).with_extension("txt");
            std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
            println!("{name}: {} rows", text.lines().count() - 1);
        }
        Ok(())
    }

    pub(crate) fn soak(per_code: usize, seed: u64) -> Result<()> {
        let (mut first, mut second) = (Oracle::new()?, Oracle::new()?);
        for family in Family::ALL {
            let start = Instant::now();
            let mut result = Differential::of(&codes(family));
            result.run(&mut first, &mut [&mut second], Amount { encodings: per_code, states: 1 }, seed);
            println!("{family:?}, twice in {:.1?}: {result}", start.elapsed());
        }
        Ok(())
    }
}
