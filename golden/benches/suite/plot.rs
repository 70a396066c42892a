//! The figures as a plot: for each row a bar a contestant, as long as the logarithm of its slowdown against native.

use crate::contestants::Kind;
use crate::report::{Line, Report};
use crate::svg::{Anchor, Svg};

/// Pixels of a bar's thickness, and between two rows.
const BAR: f64 = 7.0;
const GAP: f64 = 8.0;
/// Pixels left of the bars, of a factor of ten, and above the bars.
const LEFT: f64 = 130.0;
const DECADE: f64 = 260.0;
const TOP: f64 = 50.0;
/// Where the axis begins: nobody is much quicker than native.
const FIRST: f64 = 0.5;

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Native => "#888888",
        Kind::Qemu => "#d97706",
        Kind::Bochs => "#b91c1c",
        Kind::Translated => "#1d4ed8",
        Kind::Node => "#15803d",
        Kind::Interpreted => "#9ca3af",
    }
}

/// Where a slowdown is.
fn x(slowdown: f64) -> f64 {
    LEFT + (slowdown.max(FIRST) / FIRST).log10() * DECADE
}

/// The plot. Lines without a native time are left out.
pub(crate) fn svg(report: &Report) -> String {
    let kinds: Vec<Kind> = report.kinds.iter().copied().filter(|kind| *kind != Kind::Native).collect();
    let lines: Vec<&Line> = report.lines.iter().filter(|line| line.times(Kind::Native).is_some()).collect();
    let ratios = lines.iter().flat_map(|line| kinds.iter().filter_map(|kind| line.ratio(*kind, Kind::Native)));
    let end = 10f64.powf(ratios.fold(10.0, f64::max).log10().ceil());
    let step = BAR * kinds.len() as f64 + GAP;
    let height = TOP + step * lines.len() as f64;
    let mut svg = Svg::new(x(end) + 40.0, height + 10.0);
    legend(&mut svg, &kinds);
    axis(&mut svg, end, height);
    for (index, line) in lines.iter().enumerate() {
        bars(&mut svg, line, &kinds, TOP + step * index as f64);
    }
    svg.finish()
}

fn legend(svg: &mut Svg, kinds: &[Kind]) {
    svg.text((8.0, 16.0), Anchor::Start, "slowdown against native");
    for (index, kind) in kinds.iter().enumerate() {
        let at = LEFT + 60.0 + 110.0 * index as f64;
        svg.rect((at, 7.0), (10.0, 10.0), colour(*kind), kind.title());
        svg.text((at + 14.0, 16.0), Anchor::Start, kind.title());
    }
}

/// Lines at 1, 2, 5, 10 and so on.
fn axis(svg: &mut Svg, end: f64, height: f64) {
    let decades = (0..6).map(|power| 10f64.powi(power));
    for value in decades.flat_map(|decade| [decade, 2.0 * decade, 5.0 * decade]).filter(|value| *value <= end) {
        let (at, shade) = (x(value), if value == 1.0 { "#000" } else { "#ddd" });
        svg.line((at, TOP), (at, height), shade);
        svg.text((at, TOP - 8.0), Anchor::Middle, &format!("{value}×"));
    }
}

fn bars(svg: &mut Svg, line: &Line, kinds: &[Kind], top: f64) {
    let middle = top + BAR * kinds.len() as f64 / 2.0 + 4.0;
    svg.text((LEFT - 6.0, middle), Anchor::End, line.row.name);
    for (index, kind) in kinds.iter().enumerate() {
        let Some(ratio) = line.ratio(*kind, Kind::Native) else { continue };
        let (at, width) = (top + BAR * index as f64, x(ratio) - LEFT);
        let title = format!("{} {}: {ratio:.2}×", line.row.name, kind.title());
        svg.rect((LEFT, at), (width, BAR - 1.0), colour(*kind), &title);
    }
}
