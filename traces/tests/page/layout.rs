//! The look of the page in a browser: compared with pictures that a person approved, and measured.

use pmdscope_traces::{CompareReport, html};

use super::chromium::{Chromium, Window};
use super::picture::{Picture, golden};
use super::reports;

/// How much of a picture may differ: as much as another version of a font moves. More differs if everything
/// that belongs side by side is stacked.
const TOLERANCE: f64 = 0.1;

/// How much of a picture differs at least if the page has no style at all.
const BARE: f64 = 0.4;

fn guests() -> String {
    html::compare(&reports::guests())
}

/// Returns the page from its first run on, with that run's details unfolded: a screenshot shows only the top.
fn unfolded() -> String {
    let page = guests();
    let (head, rest) = page.split_once("<header>").unwrap();
    let (_, runs) = rest.split_once("<section id=\"runs\"").unwrap();
    format!("{head}<main><section id=\"runs\"{}", runs.replacen("<details>", "<details open>", 1))
}

/// Returns a page that looks on the screen as it does on paper.
fn on_paper(page: &str) -> String {
    page.replace("@media print", "@media all").replace(", print", ", all")
}

/// Returns a page in a font that is the same on all systems that have it.
fn in_known_font(page: &str) -> String {
    page.replace("--sans: system-ui", "--sans: 'DejaVu Sans'")
        .replace("--mono: ui-monospace", "--mono: 'DejaVu Sans Mono'")
}

/// Checks that the page looks as when a person approved it, and that a broken page does not.
fn looks(name: &str, page: &str, window: Window) {
    let Some(chromium) = Chromium::find() else { return };
    let page = in_known_font(page);
    let look = |page: &str| Picture::of(&chromium.screenshot(page, window));
    let now = look(&page);
    let golden = golden(name, &now);
    let difference = now.difference(&golden);
    assert!(
        difference <= TOLERANCE,
        "{name} differs by {difference:.2}; where that is meant, look at it and run UPDATE_GOLDEN=1 cargo test \
         --release -p pmdscope-traces --test page\n{}",
        now.text()
    );
    let (start, rest) = page.split_once("<style>").unwrap();
    let (_, end) = rest.split_once("</style>").unwrap();
    let difference = look(&format!("{start}{end}")).difference(&golden);
    assert!(difference >= BARE, "{name} without its style differs by {difference:.2} only");
    let difference = look(&page.replace("display: grid", "display: block")).difference(&golden);
    assert!(difference > TOLERANCE, "{name} with nothing side by side differs by {difference:.2} only");
}

#[test]
fn a_desktop() {
    looks("desktop", &guests(), Window::DESKTOP);
}

#[test]
fn a_desktop_in_the_dark() {
    looks("dark", &guests(), Window::DARK);
}

#[test]
fn paper_is_light_for_those_who_prefer_the_dark() {
    let Some(chromium) = Chromium::find() else { return };
    let look = |page: &str| Picture::of(&chromium.screenshot(page, Window { dark: true, ..Window::PAPER }));
    assert!(look(&guests()).is_dark());
    assert!(!look(&on_paper(&guests())).is_dark());
}

#[test]
fn a_phone() {
    looks("phone", &guests(), Window::PHONE);
}

#[test]
fn a_run_unfolded() {
    looks("unfolded", &unfolded(), Window::DESKTOP);
}

#[test]
fn a_run_unfolded_on_a_phone() {
    looks("unfolded-phone", &unfolded(), Window { height: 2400, ..Window::PHONE });
}

#[test]
fn a_sheet_of_paper() {
    // Nothing is unfolded by hand: on paper everything is unfolded.
    looks("paper", &on_paper(&unfolded().replace("<details open>", "<details>")), Window::PAPER);
}

#[test]
fn kernels() {
    looks("kernels", &html::compare(&reports::kernels()), Window::DESKTOP);
}

/// Lists everything that extends beyond the window with all details unfolded, except for content that scrolls
/// by itself.
const SPILLED: &str = "
    document.querySelectorAll('details').forEach(one => { one.open = true; });
    const wide = one => one.getBoundingClientRect().right > innerWidth + 0.5 && !one.parentElement.closest('.scroll');
    const spilled = [...document.querySelectorAll('body *')].filter(wide);
    const all = document.querySelectorAll('body *').length;
    return [all > 300, document.documentElement.scrollWidth <= innerWidth, innerWidth,
        ...spilled.map(one => one.className || one.tagName)].join(' ');";

#[test]
fn nothing_reaches_out_of_a_window() {
    let Some(chromium) = Chromium::find() else { return };
    let reports = [reports::guests(), reports::kernels(), reports::wide(), reports::runs_and_sweeps()];
    let pages = reports.map(|report| html::compare(&report));
    for page in &pages {
        for width in [360, 600, 900, 1280] {
            let window = Window { width, ..Window::PHONE };
            let spilled = chromium.measure(page, "", window, SPILLED);
            assert_eq!(spilled, format!("true true {width}"));
        }
    }
    // Paper does not scroll, so no content may extend beyond it even there.
    let spilled = SPILLED.replace("&& !one.parentElement.closest('.scroll')", "");
    for page in &pages {
        assert_eq!(chromium.measure(&on_paper(page), "", Window::PAPER, &spilled), "true true 703");
    }
    let broken = pages[0].replace(".command { ", ".command { width: 400px; ");
    let spilled = chromium.measure(&broken, "", Window::PHONE, SPILLED);
    assert!(spilled.contains("false 360 command"), "a measure that finds nothing: {spilled}");
}

#[test]
fn following_a_cell_unfolds_its_run_and_no_other() {
    let Some(chromium) = Chromium::find() else { return };
    let script = "
        const open = [...document.querySelectorAll('details')].map(one => one.open);
        const run = document.querySelector('#run-3').getBoundingClientRect();
        return open.join(' ') + (run.height > 300 && run.top >= 0 && run.top < 200 ? ' shown' : ' hidden ' + run.top);";
    let page = guests();
    let followed = chromium.measure(&page, "#run-3", Window::DESKTOP, script);
    assert_eq!(followed, "false false true false false shown");
    let not_followed = chromium.measure(&page, "", Window::DESKTOP, script);
    assert!(not_followed.starts_with("false false false false false hidden"), "{not_followed}");
}

/// Counts the pages of a PDF file.
fn sheets(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    text.matches("/Type /Page").count() - text.matches("/Type /Pages").count()
}

#[test]
fn paper_has_all_details() {
    let Some(chromium) = Chromium::find() else { return };
    let page = guests();
    let folded = sheets(&chromium.print(&page));
    let unfolded = sheets(&chromium.print(&page.replace("<details>", "<details open>")));
    assert_eq!(folded, unfolded);
    let without = sheets(&chromium.print(&page.replace("details::details-content", "details::none")));
    assert!(without < folded, "{without} of {folded} sheets without details");
}

#[test]
fn a_comparison_of_everything_is_small() {
    // A comparison has this many rows by default.
    let rows = reports::guests().rows.into_iter().cycle().take(96).collect();
    let report = CompareReport { rows, ..reports::guests() };
    let size = html::compare(&report).len();
    assert!(size < 1 << 20, "{size} bytes");
}
