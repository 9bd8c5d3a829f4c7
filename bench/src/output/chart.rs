//! The figures that are ratios as a picture: a bar each, with its goal as a mark.

use std::fmt::Write as _;

use crate::finding::{Finding, Goal, Unit};

const WIDTH: f64 = 900.0;
/// Where the bars begin, and how long one is that is as fast as the floor.
const ZERO: f64 = 430.0;
const ONE: f64 = 320.0;
/// A faster one is cut off here.
const MOST: f64 = 1.25;
const ROW: f64 = 22.0;
/// What parts the backends.
const GAP: f64 = 10.0;
const TOP: f64 = 62.0;

/// As an SVG file.
pub(super) fn drawn(findings: &[Finding]) -> String {
    let ratios: Vec<_> =
        findings.iter().filter(|finding| finding.unit == Unit::FloorSpeed).collect();
    let backends: Vec<_> = ratios.chunk_by(|a, b| backend(a) == backend(b)).collect();
    let height = TOP + ROW * ratios.len() as f64 + GAP * backends.len() as f64 + 8.0;
    let mut picture = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="20" font-size="14" font-weight="bold" fill="#1f2328">Our speed, by that of the medium without us</text>
<text x="12" y="38" fill="#57606a">Marks are goals: green bars reach theirs, red ones do not, grey ones have none.</text>
"##
    );
    scale(&mut picture, height);
    let mut y = TOP;
    for findings in backends {
        for finding in findings {
            bar(&mut picture, y, finding);
            y += ROW;
        }
        y += GAP;
    }
    picture.push_str("</svg>\n");
    picture
}

fn backend(finding: &Finding) -> &str {
    finding.bench.split('/').next().unwrap_or_default()
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

fn bar(picture: &mut String, y: f64, finding: &Finding) {
    let color = match finding.is_reached() {
        Some(true) => "#2da44e",
        Some(false) => "#cf222e",
        None => "#8c959f",
    };
    let label = escaped(&format!("{}: {}", finding.bench, finding.what));
    let length = ONE * finding.figure.median.clamp(0.0, MOST);
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
        finding.shown(),
    );
    if let Some(Goal::AtLeast(least)) = finding.goal {
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

    fn finding(what: &str, ours: f64) -> Finding {
        Finding::speed("fs/append", what, 1, &[vec![ours], vec![1.0]]).with_goal(Goal::AtLeast(0.5))
    }

    #[test]
    fn a_bar_is_as_long_as_the_ratio() {
        let picture = drawn(&[finding("a < b", 2.0)]);
        assert!(picture.contains(r#"width="160.0" height="12""#), "{picture}");
        assert!(picture.contains("fs/append: a &lt; b"), "{picture}");
    }

    #[test]
    fn what_is_faster_than_the_picture_is_cut_off() {
        let picture = drawn(&[finding("x", 0.01)]);
        assert!(picture.contains(r#"width="400.0" height="12""#), "{picture}");
        assert!(picture.contains(">100.00</text>"), "{picture}");
    }

    #[test]
    fn what_is_no_ratio_has_no_bar() {
        let times = Finding { unit: Unit::Times, ..finding("x", 1.0) };
        assert!(!drawn(&[times]).contains("fs/append"));
    }
}
