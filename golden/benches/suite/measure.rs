//! How a row is measured.
//!
//! 1. Every contestant does few iterations; what it writes must be what the others write.
//! 2. It does none, which takes it the time of start and set-up, then more and more until the difference tells how many it
//!    can do in the time that a run shall take.
//! 3. In rounds, contestants take turns with a run of none and a run of that many iterations. A round's figure is their
//!    difference by the number of iterations, and the median of the rounds counts.

use crate::contestants::{Contestant, Kind, Sample};
use crate::options::Options;
use crate::report::{Cell, Line, Times};
use anyhow::{Result, ensure};
use test_images::bench::{Image, Row};

/// Chooses the rows' inputs.
pub(crate) const SEED: u32 = 1;
/// A calibrating run is long enough when it takes this part of the time that it shall.
const ENOUGH: f64 = 0.3;
/// A run takes at least this part of its start and set-up.
const PART_OF_START: f64 = 0.5;
/// No row may do more.
const MOST: f64 = 1e8;

/// The words of a row's command.
pub(crate) fn command(row: &Row, iterations: u32, seed: u32) -> Vec<String> {
    let program: &[&str] = match row.image {
        Image::Bench => &["/bin/bench"],
        Image::Real => &["/bin/sh", "/bench/rows.sh"],
    };
    let arguments = [row.name.to_owned(), iterations.to_string(), seed.to_string()];
    program.iter().map(|&word| word.to_owned()).chain(arguments).collect()
}

type Contestants<'a> = [(Kind, Box<dyn Contestant + 'a>)];

/// Someone who is being measured.
struct Entrant {
    iterations: u32,
    rounds: Vec<Times>,
}

/// Measures a row.
pub(crate) fn row(row: &'static Row, contestants: &mut Contestants<'_>, options: &Options) -> Line {
    let mut expected: Option<(Kind, Vec<u8>)> = None;
    let mut entrants: Vec<(Kind, Result<Entrant>)> = Vec::new();
    for (kind, contestant) in contestants.iter_mut() {
        eprint!("{}: {kind} ", row.name);
        let entrant = admit(row, *kind, contestant.as_mut(), &mut expected, options.seconds);
        eprintln!("{}", entrant.as_ref().map_or_else(|error| format!("{error:#}"), |e| e.iterations.to_string()));
        entrants.push((*kind, entrant));
    }
    for _ in 0..options.rounds {
        for ((_, contestant), (_, entrant)) in contestants.iter_mut().zip(&mut entrants) {
            if let Ok(active) = entrant
                && let Err(error) = round(row, contestant.as_mut(), active)
            {
                *entrant = Err(error);
            }
        }
    }
    Line { row, cells: entrants.into_iter().map(|(kind, entrant)| (kind, cell(entrant))).collect(), stats: None }
}

fn cell(entrant: Result<Entrant>) -> Cell {
    match entrant {
        Ok(Entrant { iterations, rounds }) => Cell::Measured { iterations, rounds },
        Err(error) => Cell::Failed(format!("{error:#}")),
    }
}

/// Compares the output with the others', and finds the number of iterations.
fn admit(
    row: &Row,
    kind: Kind,
    contestant: &mut dyn Contestant,
    expected: &mut Option<(Kind, Vec<u8>)>,
    target: f64,
) -> Result<Entrant> {
    let output = run(row, row.few, contestant)?.output;
    let (first, text) = expected.get_or_insert_with(|| (kind, output.clone()));
    let show = String::from_utf8_lossy;
    ensure!(*text == output, "{kind} writes {:?}, {first} {:?}", show(&output), show(text));
    Ok(Entrant { iterations: calibrate(row, contestant, target)?, rounds: Vec::new() })
}

fn calibrate(row: &Row, contestant: &mut dyn Contestant, target: f64) -> Result<u32> {
    let cost = |sample: &Sample| if row.idle { sample.wall.as_secs_f64() } else { sample.cpu.as_secs_f64() };
    let start = cost(&run(row, 0, contestant)?);
    // What is noise of a long start must not be seen in the difference.
    let target = target.max(start * PART_OF_START);
    let mut iterations = f64::from(row.few);
    loop {
        let took = cost(&run(row, iterations as u32, contestant)?) - start;
        let factor = target / took.max(target / 100.0);
        if took > target * ENOUGH || iterations >= MOST {
            return Ok((iterations * factor).round().clamp(1.0, MOST) as u32);
        }
        iterations = (iterations * factor.clamp(2.0, 20.0)).min(MOST);
    }
}

/// A run of none, and one of many.
fn round(row: &Row, contestant: &mut dyn Contestant, entrant: &mut Entrant) -> Result<()> {
    let none = run(row, 0, contestant)?;
    let many = run(row, entrant.iterations, contestant)?;
    let each = |many: std::time::Duration, none: std::time::Duration| {
        (many.as_secs_f64() - none.as_secs_f64()) / f64::from(entrant.iterations)
    };
    entrant.rounds.push(Times { cpu: each(many.cpu, none.cpu), wall: each(many.wall, none.wall) });
    Ok(())
}

fn run(row: &Row, iterations: u32, contestant: &mut dyn Contestant) -> Result<Sample> {
    let sample = contestant.run(&command(row, iterations, SEED))?;
    ensure!(sample.code == 0, "exit code {}: {}", sample.code, String::from_utf8_lossy(&sample.output));
    Ok(sample)
}
