//! What the table says, as a picture: for each figure the peers' bars, in multiples of Beacon's.
//!
//! The scale is logarithmic. Text and lines are of one grey and the bars of colours that stand
//! out on white and on black alike.

use std::fmt::Write;

use crate::subject::Subject;
use crate::table::Row;
use crate::table::Table;

/// Draws those figures that say how much something takes, and of which peers have some too.
pub(crate) fn svg(table: &Table) -> String {
    let rows: Vec<_> = SHOWN
        .iter()
        .filter_map(|(figure, label)| Some((table.row(figure)?, *label)))
        .collect();
    let height = TOP + ROW * rows.len() + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\" \
         fill=\"{GREY}\">\n<title>Beacon beside mdns-sd and Avahi, shorter is better</title>\n"
    );
    legend(&mut svg);
    scale(&mut svg, TOP + ROW * rows.len());
    for (n, (row, label)) in rows.iter().enumerate() {
        draw(&mut svg, row, label, TOP + ROW * n);
    }
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String) {
    text(
        svg,
        12,
        22,
        "start",
        "What a peer takes for each that Beacon takes: to the left less, to the right more",
    );
    let mut x = LEFT;
    for (subject, colour) in COLOURS {
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"34\" width=\"12\" height=\"12\" fill=\"{colour}\"/>"
        );
        text(svg, x + 18, 45, "start", &subject.to_string());
        x += 96;
    }
}

/// Draws a line for each step of the scale, a stronger one where Beacon is.
fn scale(svg: &mut String, bottom: usize) {
    for step in STEPS {
        let (x, opacity) = (place(step), if step == 1.0 { 0.9 } else { 0.25 });
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"{GREY}\" \
             stroke-opacity=\"{opacity}\"/>"
        );
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{step} ×</text>",
            bottom + 18
        );
    }
}

fn draw(svg: &mut String, row: &Row, label: &str, top: usize) {
    text(svg, LEFT - 12, top + 23, "end", label);
    for (n, (subject, colour)) in COLOURS.iter().enumerate() {
        let Some(ratio) = row.ratio(*subject).map(f64::recip) else {
            continue;
        };
        let (beacon, peer) = (place(1.0), place(ratio));
        let (start, end) = (beacon.min(peer), beacon.max(peer));
        let y = top + 3 + n * BAR;
        let _ = writeln!(
            svg,
            "<rect x=\"{start:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{}\" fill=\"{colour}\"/>",
            end - start,
            BAR - 2
        );
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" font-size=\"10\">{}</text>",
            end + 4.0,
            y + BAR - 4,
            words(row, *subject, ratio)
        );
    }
}

fn text(svg: &mut String, x: usize, y: usize, anchor: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}

/// Returns the multiple, and how much of the work it was taken for if that was not all of it.
fn words(row: &Row, subject: Subject, ratio: f64) -> String {
    let multiple = match ratio {
        10.0.. => format!("{ratio:.0}"),
        1.0.. => format!("{ratio:.1}"),
        _ => format!("{ratio:.2}"),
    };
    match row.part_done(subject) {
        Some((done, all)) if done < all => format!("{multiple} for {done:.0} of {all:.0}"),
        _ => multiple,
    }
}

/// Returns where on the scale a ratio is; what is beyond its ends is at the end.
fn place(ratio: f64) -> f64 {
    let (first, last) = (STEPS[0].ln(), STEPS[STEPS.len() - 1].ln());
    let share = ((ratio.ln() - first) / (last - first)).clamp(0.0, 1.0);
    LEFT as f64 + share * (WIDTH - LEFT - RIGHT) as f64
}

/// The figures that are shown, and how they are called there.
const SHOWN: [(&str, &str); 9] = [
    (
        "CPU for 1,000 answers: SRV, legacy unicast, window 32, 1 service",
        "CPU an answer, 1 service",
    ),
    (
        "CPU for 1,000 answers: SRV, legacy unicast, window 32, 1000 services",
        "CPU an answer, 1,000 services",
    ),
    (
        "CPU for 1,000 complete answers: PTR, window 32, 100 services",
        "CPU to list 100 services",
    ),
    (
        "CPU to resolve: 5000 instances at 2000/s",
        "CPU to resolve 5,000 in 2.5 s",
    ),
    (
        "CPU to resolve: 5000 instances in one burst",
        "CPU to resolve 5,000 in a burst",
    ),
    (
        "All resolved after the first was announced: 5000 instances in one burst",
        "Time to resolve 5,000 in a burst",
    ),
    (
        "Most memory: 5000 instances in one burst",
        "Memory for 5,000 instances",
    ),
    (
        "CPU a packet: 300,000 announcements nobody browses",
        "CPU a packet of no interest",
    ),
    ("Memory: one service, idle", "Memory, idle with 1 service"),
];
const COLOURS: [(Subject, &str); 2] = [(Subject::MdnsSd, "#d97706"), (Subject::Avahi, "#3b82f6")];
const GREY: &str = "#808080";
const STEPS: [f64; 7] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0];
const WIDTH: usize = 860;
const LEFT: usize = 230;
const RIGHT: usize = 120;
const TOP: usize = 60;
const BOTTOM: usize = 30;
const ROW: usize = 36;
const BAR: usize = 15;
