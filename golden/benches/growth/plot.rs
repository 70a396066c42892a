//! A panel for each axis and kind: how many times a figure is what it is at the first point, by how many times the size is, both on
//! scales of powers. What grows as the size does follows the diagonal.

use crate::report::{Figure, Point, Report};
use crate::svg::{Anchor, Svg};

/// Pixels of a panel's inside, and around it.
const SIDE: f64 = 200.0;
const MARGIN: f64 = 45.0;
/// Panels in a row.
const COLUMNS: usize = 3;
/// Pixels for the legend.
const TOP: f64 = 24.0;
/// Side of a point's mark.
const MARK: f64 = 5.0;

/// Figures that may grow, with their colours.
const FIGURES: [(Figure, &str); 6] = [
    (Figure::Conversion, "#b91c1c"),
    (Figure::Peak, "#d97706"),
    (Figure::Module, "#9ca3af"),
    (Figure::Start, "#15803d"),
    (Figure::Resident, "#1d4ed8"),
    (Figure::Each, "#7e22ce"),
];

/// A panel's place, and its points.
struct Panel<'r> {
    left: f64,
    top: f64,
    points: &'r [Point],
    /// How far the scales reach, in powers of ten.
    decades: f64,
}

/// The plot.
pub(crate) fn svg(report: &Report) -> String {
    let panels: Vec<&[Point]> = report.points.chunk_by(|a, b| (a.axis, a.at.kind) == (b.axis, b.at.kind)).collect();
    let cell = SIDE + 2.0 * MARGIN;
    let rows = panels.len().div_ceil(COLUMNS);
    let mut svg = Svg::new(cell * COLUMNS as f64, TOP + cell * rows as f64);
    for (number, (figure, colour)) in FIGURES.iter().enumerate() {
        let left = MARGIN + 120.0 * number as f64;
        svg.rect((left, 7.0), (10.0, 10.0), colour, figure.title());
        svg.text((left + 14.0, 16.0), Anchor::Start, figure.title());
    }
    for (number, points) in panels.into_iter().enumerate() {
        let (row, column) = (number / COLUMNS, number % COLUMNS);
        let (left, top) = (MARGIN + cell * column as f64, TOP + MARGIN + cell * row as f64);
        Panel { left, top, points, decades: decades(points) }.draw(&mut svg);
    }
    svg.finish()
}

/// How many times its value at the panel's first point a figure is.
fn growth(points: &[Point], point: &Point, figure: Figure) -> Option<f64> {
    let first = points.first()?.figure(figure).filter(|value| *value > 0.0)?;
    Some(point.figure(figure)? / first)
}

fn size(points: &[Point], point: &Point) -> f64 {
    point.at.size as f64 / points.first().map_or(1, |first| first.at.size.max(1)) as f64
}

fn decades(points: &[Point]) -> f64 {
    let figures = points.iter().flat_map(|point| FIGURES.iter().filter_map(|(f, _)| growth(points, point, *f)));
    let sizes = points.iter().map(|point| size(points, point));
    figures.chain(sizes).fold(10.0, f64::max).log10().ceil()
}

impl Panel<'_> {
    /// A place on the scales.
    fn place(&self, size: f64, growth: f64) -> (f64, f64) {
        let part = |value: f64| (value.max(1e-9).log10() / self.decades).clamp(-0.1, 1.0) * SIDE;
        (self.left + part(size), self.top + SIDE - part(growth))
    }

    fn draw(&self, svg: &mut Svg) {
        let Some(first) = self.points.first() else { return };
        let title = format!("{} {} ({} = 1)", first.at.kind, first.axis.title(), first.at.name);
        svg.text((self.left, self.top - 8.0), Anchor::Start, title.trim_start());
        for power in 0..=self.decades as i32 {
            let value = 10f64.powi(power);
            let (x, y) = self.place(value, value);
            svg.line((self.left, y), (self.left + SIDE, y), "#ddd");
            svg.line((x, self.top), (x, self.top + SIDE), "#ddd");
            svg.text((self.left - 4.0, y + 4.0), Anchor::End, &format!("{value}×"));
            svg.text((x, self.top + SIDE + 14.0), Anchor::Middle, &format!("{value}×"));
        }
        let end = 10f64.powf(self.decades);
        svg.line(self.place(1.0, 1.0), self.place(end, end), "#bbb");
        for (figure, colour) in FIGURES {
            self.series(svg, figure, colour);
        }
    }

    fn series(&self, svg: &mut Svg, figure: Figure, colour: &str) {
        let mut last = None;
        for point in self.points {
            let Some(growth) = growth(self.points, point, figure) else { continue };
            let (x, y) = self.place(size(self.points, point), growth);
            if let Some(last) = last.replace((x, y)) {
                svg.line(last, (x, y), colour);
            }
            let title = format!("{}: {} {growth:.2}×", point.at.name, figure.title());
            svg.rect((x - MARK / 2.0, y - MARK / 2.0), (MARK, MARK), colour, &title);
        }
    }
}
