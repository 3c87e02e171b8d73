//! A headless Chromium, where one is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pmdscope_needs::Need;
use tempfile::TempDir;

/// Names of the program: Debian has both packages. The shell is small, and makes windows as narrow as a phone.
const NAMES: [&str; 2] = ["chromium-headless-shell", "chromium"];

/// The limit on the time for one page. A page takes less than one second.
const SECONDS: &str = "60";

/// A browser, with a folder for the pages that it shows.
pub struct Chromium {
    program: PathBuf,
    folder: TempDir,
}

/// The window in which a page is shown.
#[derive(Clone, Copy)]
pub struct Window {
    /// Width, in pixels.
    pub width: u32,
    /// Height, in pixels.
    pub height: u32,
    /// Whether the user prefers dark colours.
    pub dark: bool,
}

impl Chromium {
    /// Returns the browser in `$PMDSCOPE_CHROMIUM`, or the first in `PATH` that has a known name.
    ///
    /// Without a browser, reports the check as skipped.
    pub fn find() -> Option<Self> {
        let named = std::env::var_os("PMDSCOPE_CHROMIUM").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<_> = std::env::split_paths(&path).collect();
        let known = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let found = named.or_else(|| known.into_iter().find(|program| program.is_file()));
        let Some(program) = found.filter(|_| !Need::Browser.is_hidden()) else {
            Need::Browser.skip("the page is looked at");
            return None;
        };
        Some(Chromium { program, folder: tempfile::tempdir().unwrap() })
    }

    /// Returns a screenshot of a page, as a PNG file.
    pub fn screenshot(&self, page: &str, window: Window) -> Vec<u8> {
        let file = self.folder.path().join("screenshot.png");
        self.run(page, "", window, &format!("--screenshot={}", file.display()));
        fs::read(file).expect("a screenshot was taken")
    }

    /// Prints the page on paper, as a PDF file.
    pub fn print(&self, page: &str) -> Vec<u8> {
        let file = self.folder.path().join("page.pdf");
        self.run(page, "", Window::DESKTOP, &format!("--print-to-pdf={}", file.display()));
        fs::read(file).expect("the page was printed")
    }

    /// Returns the result of a script that is added to a copy of the page. The browser opens the page at
    /// `fragment`.
    pub fn measure(&self, page: &str, fragment: &str, window: Window, script: &str) -> String {
        // The page itself forbids scripts.
        let (head, rest) = page.split_once("default-src 'none'; style").expect("the page has a policy");
        let page = format!(
            "{head}style{}<script>addEventListener('load', () => {{ \
             document.body.innerHTML = '<output>' + (() => {{ {script} }})() + '</output>'; }});</script>",
            rest.replace("</body></html>", "")
        );
        let shown = self.run(&page, fragment, window, "--dump-dom");
        let (_, result) = shown.split_once("<output>").expect("the script ran");
        result.split_once("</output>").expect("the script ran to its end").0.to_owned()
    }

    fn run(&self, page: &str, fragment: &str, window: Window, action: &str) -> String {
        let file = self.folder.path().join("page.html");
        fs::write(&file, page).unwrap();
        // The browser would wait forever on a page with a dialogue; `timeout` ends all of its processes.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", SECONDS]).arg(&self.program);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
        command.args(["--force-device-scale-factor=1", "--no-first-run", "--disable-extensions"]);
        command.arg(format!("--user-data-dir={}", self.folder.path().join("profile").display()));
        command.arg(format!("--window-size={},{}", window.width, window.height));
        command.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!window.dark)));
        command.arg(action).arg(format!("file://{}{fragment}", Path::new(&file).display()));
        let output = command.output().expect("the browser can be started");
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Window {
    /// A desktop screen.
    pub const DESKTOP: Window = Window { width: 1280, height: 1000, dark: false };
    /// A desktop screen of a user who prefers dark colours.
    pub const DARK: Window = Window { dark: true, ..Window::DESKTOP };
    /// A narrow phone.
    pub const PHONE: Window = Window { width: 360, height: 1400, dark: false };
    /// A sheet of A4 between its margins.
    pub const PAPER: Window = Window { width: 703, height: 1400, dark: false };
}
