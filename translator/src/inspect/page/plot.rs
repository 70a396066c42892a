//! Plots, as SVG in the page. Colours are classes of the style sheet, so that they follow the reader's scheme.

use super::number::{count, percent, share};
use maud::{Markup, PreEscaped, html};

/// A part of a whole.
pub(super) struct Segment<'a> {
    pub(super) name: &'a str,
    pub(super) amount: u64,
    pub(super) colour: Option<usize>,
}

/// A row of a bar plot.
pub(super) struct Bar<'a> {
    pub(super) name: &'a str,
    pub(super) share: f64,
    /// What a pointer on it shows.
    pub(super) more: String,
    pub(super) colour: usize,
}

/// The class of a colour; without one, of what is too small to have one.
fn class(colour: Option<usize>) -> String {
    colour.map_or_else(|| "grey".to_owned(), |number| format!("c{number}"))
}

/// A patch of a colour, for a legend.
pub(super) fn swatch(colour: Option<usize>) -> Markup {
    html! { span.swatch.{ (class(colour)) } {} }
}

/// Parts of a whole side by side, as wide as they are large.
pub(super) fn stack(segments: &[Segment<'_>], whole: u64) -> Markup {
    let mut left = 0.0;
    let placed = segments.iter().map(|segment| {
        let width = 100.0 * segment.amount as f64 / whole.max(1) as f64;
        let start = left;
        left += width;
        (segment, start, width)
    });
    html! {
        svg.stack role="img" {
            @for (Segment { name, amount, colour }, start, width) in placed {
                rect.{ (class(*colour)) } x=(format!("{start:.3}%")) width=(format!("{width:.3}%")) height="100%" {
                    title { (name) ": " (count(*amount)) " (" (percent(*amount, whole)) ")" }
                }
            }
        }
    }
}

/// A bar in a table's cell.
pub(super) fn bar(share: f64) -> Markup {
    let width = format!("{:.1}%", 100.0 * share.clamp(0.0, 1.0));
    html! { svg.bar role="presentation" { rect.track width="100%" height="100%" {} rect.c0 width=(width) height="100%" {} } }
}

/// Units of a plot's width, which the page stretches.
const WIDTH: f64 = 640.0;
/// Of a bar plot: height of a row, where bars begin, and where the longest ends.
const ROW: f64 = 18.0;
const NAMES: f64 = 230.0;
const LONGEST: f64 = WIDTH - 60.0;
/// Most letters of a name.
const LETTERS: usize = 32;

/// A bar a row, with its name to the left and its share to the right.
pub(super) fn bars(bars: &[Bar<'_>]) -> Markup {
    let most = bars.iter().map(|bar| bar.share).fold(f64::MIN_POSITIVE, f64::max);
    let row = |(index, bar): (usize, &Bar<'_>)| {
        let (top, width) = (ROW * index as f64, (LONGEST - NAMES) * bar.share / most);
        let text = top + ROW - 5.0;
        html! {
            g {
                title { (bar.more) }
                text.end x=(NAMES - 8.0) y=(text) { (short(bar.name)) }
                rect.{ (class(Some(bar.colour))) } x=(NAMES) y=(top + 2.0) width=(format!("{width:.1}")) height=(ROW - 4.0) rx="2" {}
                text.faint x=(format!("{:.1}", NAMES + width + 6.0)) y=(text) { (share(bar.share)) }
            }
        }
    };
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", ROW * bars.len() as f64)) role="img" {
            @for numbered in bars.iter().enumerate() { (row(numbered)) }
        }
    }
}

fn short(name: &str) -> String {
    match name.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Of a curve: its height, and the room for its scales.
const HEIGHT: f64 = 540.0;
const LEFT: f64 = 48.0;
const BOTTOM: f64 = HEIGHT - 40.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 14.0;
/// Shares that are marked on the curve.
const MARKS: [f64; 3] = [0.5, 0.9, 0.99];

/// Where shares that add up are: the first region is at 1 of a logarithmic scale.
struct Scale {
    decades: f64,
}

impl Scale {
    fn x(&self, rank: usize) -> f64 {
        LEFT + (RIGHT - LEFT) * (rank.max(1) as f64).log10() / self.decades
    }

    fn y(share: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * share.clamp(0.0, 1.0)
    }
}

/// How shares add up from the hottest region on.
pub(super) fn curve(cumulative: &[f64]) -> Markup {
    let scale = Scale { decades: (cumulative.len().max(10) as f64).log10() };
    let point = |rank: usize| Some((rank, *cumulative.get(rank - 1)?));
    let path: String = ranks(cumulative.len())
        .filter_map(point)
        .map(|(rank, share)| format!("{:.1},{:.1} ", scale.x(rank), Scale::y(share)))
        .collect();
    let reached = |share: f64| cumulative.iter().position(|so_far| *so_far >= share).map(|index| (index + 1, share));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" {
            (grid(&scale, cumulative.len()))
            polyline.curve points=(PreEscaped(path.trim_end())) {}
            @for (rank, share) in MARKS.into_iter().filter_map(reached) { (mark(&scale, rank, share)) }
        }
    }
}

/// The ranks that a curve goes through: all of the first, then ever fewer.
fn ranks(count: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1), move |&rank| (rank < count).then(|| (rank + 1 + rank / 60).min(count)))
}

fn grid(scale: &Scale, count: usize) -> Markup {
    let decades = (0..).map(|power| 10usize.pow(power)).take_while(|rank| *rank <= count.max(10));
    html! {
        @for quarter in 0..=4u8 {
            @let at = Scale::y(f64::from(quarter) / 4.0);
            line.grid x1=(LEFT) x2=(RIGHT) y1=(at) y2=(at) {}
            text.end.faint x=(LEFT - 6.0) y=(at + 4.0) { (u32::from(quarter) * 25) " %" }
        }
        @for rank in decades {
            @let at = format!("{:.1}", scale.x(rank));
            line.grid x1=(at) x2=(at) y1=(TOP) y2=(BOTTOM) {}
            text.middle.faint x=(at) y=(BOTTOM + 16.0) { (super::count(rank as u64)) }
        }
        text.middle.faint x=((LEFT + RIGHT) / 2.0) y=(HEIGHT - 6.0) { "regions, hottest first" }
    }
}

/// Where a share is reached, with words beside it.
fn mark(scale: &Scale, rank: usize, share: f64) -> Markup {
    let (x, y) = (scale.x(rank), Scale::y(share));
    let words = format!("{} % in {} regions", 100.0 * share, count(rank as u64));
    html! {
        circle.mark cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="4" { title { (words) } }
        text.end x=(format!("{:.1}", x - 8.0)) y=(format!("{:.1}", y - 6.0)) { (words) }
    }
}
