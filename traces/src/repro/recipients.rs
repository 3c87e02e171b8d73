//! Who a bug report goes to, as `scripts/get_maintainer.pl` of a kernel tree says.

use crate::text::wrapped::{Lines, WIDTH};
use crate::words::is_unprintable;

/// The addresses of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipients {
    /// Maintainers.
    pub to: Vec<String>,
    /// Reviewers and mailing lists.
    pub cc: Vec<String>,
}

/// What a header's addresses may be indented by and end with.
const AROUND: usize = "To: ,".len();

impl Recipients {
    /// The most addresses that are taken.
    pub const MOST: usize = 50;

    /// The addresses in the output of `get_maintainer.pl --roles`, one a line: `Name <a@b> (maintainer:PART)`.
    ///
    /// The output is anyone's text: what is unprintable is removed, and a line that is no address, or does not fit a
    /// mail, is left out.
    pub fn of_output(output: &str) -> Recipients {
        let mut all = Recipients::default();
        for line in output.lines() {
            let line: String = line.chars().filter(|c| !is_unprintable(*c)).collect();
            let Some((address, role)) = address_and_role(line.trim()) else { continue };
            if all.count() == Recipients::MOST || all.to.contains(&address) || all.cc.contains(&address) {
                continue;
            }
            match role.starts_with("maintainer") || role.starts_with("supporter") {
                true => all.to.push(address),
                false => all.cc.push(address),
            }
        }
        all
    }

    /// How many addresses there are.
    pub fn count(&self) -> usize {
        self.to.len() + self.cc.len()
    }

    /// Header lines, with one address a line.
    pub(super) fn write(&self, lines: &mut Lines) {
        for (name, addresses) in [("To:", &self.to), ("Cc:", &self.cc)] {
            for (n, address) in addresses.iter().enumerate() {
                let begin = if n == 0 { name } else { "   " };
                let end = if n + 1 == addresses.len() { "" } else { "," };
                lines.line(&format!("{begin} {address}{end}"));
            }
        }
    }
}

/// An address that fits a line, and its role: `Name <a@b>` with its name if both fit.
fn address_and_role(line: &str) -> Option<(String, &str)> {
    let end = line.find('>').map(|at| at + 1).or_else(|| line.find(' ')).unwrap_or(line.len());
    let (whole, rest) = line.split_at(end);
    let bare = whole.rsplit_once('<').map_or(whole, |(_, bare)| bare.trim_end_matches('>'));
    let (user, host) = bare.split_once('@')?;
    let plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._+-=!#$%&'*/?^`{|}~".contains(c))
    };
    if !plain(user) || !plain(host) {
        return None;
    }
    let fits = |text: &str| text.chars().count() + AROUND <= WIDTH;
    let address = if fits(whole) { whole } else { bare };
    let role = rest.trim().trim_start_matches('(');
    fits(address).then(|| (address.to_owned(), role))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn maintainers_are_written_to_and_others_get_a_copy() {
        let output = "Andrew Morton <akpm@linux-foundation.org> (maintainer:MEMORY MANAGEMENT)\n\
                      \"Z, (x) Y\" <z@example.org> (reviewer:MEMORY MANAGEMENT - THP (TRANSPARENT HUGE PAGE))\n\
                      linux-mm@kvack.org (open list:MEMORY MANAGEMENT)\n\
                      linux-mm@kvack.org (open list:MEMORY MANAGEMENT)\n\
                      Bad divisor in main::vcs_assign: 0\n";
        let Recipients { to, cc } = Recipients::of_output(output);
        assert_eq!(to, ["Andrew Morton <akpm@linux-foundation.org>"]);
        assert_eq!(cc, ["\"Z, (x) Y\" <z@example.org>", "linux-mm@kvack.org"]);
    }

    #[test]
    fn what_does_not_fit_loses_its_name_or_is_left_out() {
        let long = "x".repeat(80);
        let output = format!("{long} <a@b.org> (maintainer:M)\n{long}@b.org (open list)\na@b.org,c@d.org\n");
        assert_eq!(Recipients::of_output(&output).to, ["a@b.org"]);
        assert_eq!(Recipients::of_output(&output).count(), 1);
    }

    proptest! {
        #[test]
        fn headers_are_lines_that_do_nothing(output in "([a-z<>@ ,.()\\x00-\\x1f\u{202e}\u{9b}]{0,40}@[a-z.>]{1,9}.{0,20}\n){0,60}") {
            let recipients = Recipients::of_output(&output);
            let mut lines = Lines::default();
            recipients.write(&mut lines);
            let text = lines.into_text();
            prop_assert_eq!(text.lines().count(), recipients.count());
            prop_assert!(recipients.count() <= Recipients::MOST);
            for line in text.lines() {
                let words = &line[line.len().min(4)..];
                prop_assert!(line.chars().count() <= WIDTH && line.contains('@'), "{}", line);
                prop_assert!(!words.contains(is_unprintable), "{}", line);
            }
        }
    }
}
