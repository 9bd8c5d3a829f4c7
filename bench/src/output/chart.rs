//! The chart of ratios: one bar for each ratio, with a mark at its goal.

use std::fmt::Write as _;

use crate::measurement::{Goal, Line, Unit};

const WIDTH: f64 = 900.0;
/// The left end of the bars, and the length of the bar for a ratio of 1.
const ZERO: f64 = 430.0;
const ONE: f64 = 320.0;
/// The largest ratio in the chart. A longer bar is cut off.
const MOST: f64 = 1.25;
const ROW: f64 = 22.0;
/// The space between two backends.
const GAP: f64 = 10.0;
const TOP: f64 = 62.0;

/// Draws the chart as SVG.
pub(super) fn drawn(lines: &[Line]) -> String {
    let ratios: Vec<_> =
        lines.iter().filter(|line| line.measurement.unit == Unit::FloorSpeed).collect();
    let backends: Vec<_> = ratios.chunk_by(|a, b| backend(a) == backend(b)).collect();
    let height = TOP + ROW * ratios.len() as f64 + GAP * backends.len() as f64 + 8.0;
    let mut picture = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="20" font-size="14" font-weight="bold" fill="#1f2328">Our speed divided by the speed of the floor: the same work without us</text>
<text x="12" y="38" fill="#57606a">Marks are goals. A green bar reaches its goal, a red bar does not, a grey bar has no goal.</text>
"##
    );
    scale(&mut picture, height);
    let mut y = TOP;
    for lines in backends {
        for line in lines {
            bar(&mut picture, y, line);
            y += ROW;
        }
        y += GAP;
    }
    picture.push_str("</svg>\n");
    picture
}

fn backend(line: &Line) -> &str {
    line.bench.split('/').next().unwrap_or_default()
}

fn scale(picture: &mut String, height: f64) {
    for quarters in 0..=4 {
        let share = f64::from(quarters) / 4.0;
        let (x, bottom) = (ZERO + ONE * share, height - 12.0);
        let color = if quarters == 4 { "#57606a" } else { "#d0d7de" };
        let _ = writeln!(
            picture,
            r##"<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" stroke="{color}"/>
<text x="{x}" y="{}" text-anchor="middle" fill="#57606a">{share}</text>"##,
            TOP - 6.0
        );
    }
}

fn bar(picture: &mut String, y: f64, Line { bench, measurement }: &Line) {
    let color = match measurement.is_reached() {
        Some(true) => "#2da44e",
        Some(false) => "#cf222e",
        None => "#8c959f",
    };
    let label = escaped(&format!("{bench}: {}", measurement.what));
    let length = ONE * measurement.figure.median.clamp(0.0, MOST);
    let _ = writeln!(
        picture,
        r##"<text x="{}" y="{}" text-anchor="end" fill="#1f2328">{label}</text>
<rect x="{ZERO}" y="{}" width="{length:.1}" height="12" fill="{color}"/>
<text x="{}" y="{}" fill="#1f2328">{}</text>"##,
        ZERO - 8.0,
        y + 15.0,
        y + 5.0,
        ZERO + ONE * MOST + 10.0,
        y + 15.0,
        measurement.shown(),
    );
    if let Some(Goal::AtLeast(least)) = measurement.goal {
        let x = ZERO + ONE * least.min(MOST);
        let _ = writeln!(
            picture,
            r##"<line x1="{x:.1}" y1="{}" x2="{x:.1}" y2="{}" stroke="#1f2328" stroke-width="2"/>"##,
            y + 2.0,
            y + 20.0
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::Measurement;

    fn line(what: &str, ours: f64) -> Line {
        let measurement =
            Measurement::speed(what, 1, &[vec![ours], vec![1.0]]).with_goal(Goal::AtLeast(0.5));
        Line { bench: "fs/append", measurement }
    }

    #[test]
    fn a_bar_is_as_long_as_the_ratio() {
        let picture = drawn(&[line("a < b", 2.0)]);
        assert!(picture.contains(r#"width="160.0" height="12""#), "{picture}");
        assert!(picture.contains("fs/append: a &lt; b"), "{picture}");
    }

    #[test]
    fn a_bar_is_cut_off_at_the_largest_ratio() {
        let picture = drawn(&[line("x", 0.01)]);
        assert!(picture.contains(r#"width="400.0" height="12""#), "{picture}");
        assert!(picture.contains(">100.00</text>"), "{picture}");
    }

    #[test]
    fn only_ratios_have_bars() {
        let mut line = line("x", 1.0);
        line.measurement.unit = Unit::Times;
        assert!(!drawn(&[line]).contains("fs/append"));
    }
}
