//! Values in text that was pasted: a number, or a line of an oops, a log or a debugger.
//!
//! Where values have labels (`pmd=...`, `PMD ...`, `bad pmd ADDRESS(VALUE)`, `S:...`), only these count: all else in such a
//! line is addresses, times and registers.

use std::ops::Range;

use pmdscope_arches::Arch;
use pmdscope_traces::Level;

/// The longest text that is read, in bytes.
pub const MOST_BYTES: usize = 1 << 20;
/// The most values that are taken from it.
const MOST_VALUES: usize = 1000;
/// The hexadecimal digits of an entry.
const DIGITS: usize = 16;

/// A value that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastedValue {
    /// The level of its label; `None` if it has none.
    pub level: Option<Level>,
    /// The value.
    pub value: u64,
    /// What its digits would be as a decimal number, if they may be one and were read as hexadecimal.
    pub as_decimal: Option<u64>,
    /// The architecture whose kernels print lines of this form.
    pub hint: Option<Arch>,
}

/// Why no values were found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PastedError {
    /// A word that is no number.
    #[error(
        "'{0}' is not a hexadecimal number: write an entry's value as 0x0000000081200e00, or quote the whole line that has it"
    )]
    NotANumber(String),
    /// A number that is no entry.
    #[error("'{word}' has {digits} hexadecimal digits: an entry has at most {DIGITS}")]
    TooManyDigits {
        /// The number.
        word: String,
        /// Its digits.
        digits: usize,
    },
    /// A line without values.
    #[error(
        "no value was found: paste a line such as pmd=00e8000199600704, bad pmd ffff8881004fa7f8(dffffffe71fbfe02) or 0x08000000081200c0"
    )]
    Nothing,
    /// Too much text.
    #[error("more than {MOST_BYTES} bytes were pasted: give the lines that have the values")]
    TooLong,
    /// Too many values.
    #[error("more than {MOST_VALUES} values were pasted: give those in question")]
    TooMany,
}

/// The values of arguments. Each is a number, a line, or a word of a line that the shell took apart.
pub fn in_arguments(arguments: &[String]) -> Result<Vec<PastedValue>, PastedError> {
    let text = arguments.join(" ");
    let labelled = labelled_in(&text)?;
    if labelled.is_empty() {
        let mut values = Vec::new();
        for argument in arguments {
            values.extend(in_argument(argument)?);
        }
        return limited(values);
    }
    let mut found = labelled;
    let mut begins = 0;
    for argument in arguments {
        let range = begins..begins + argument.len();
        begins = range.end + 1;
        let is_taken = found.iter().any(|(at, _)| at.start < range.end && range.start < at.end);
        // A number beside the lines, which the user named as well.
        if let (false, Ok(value)) = (is_taken, number(argument)) {
            found.push((range, value));
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    limited(found.into_iter().map(|(_, value)| value).collect())
}

/// The values of lines, most of which may have none.
pub fn in_lines(text: &str) -> Result<Vec<PastedValue>, PastedError> {
    let labelled = labelled_in(text)?;
    let values: Vec<PastedValue> = match labelled.is_empty() {
        true => text.lines().flat_map(numbers_in).collect(),
        false => labelled.into_iter().map(|(_, value)| value).collect(),
    };
    if values.is_empty() { Err(PastedError::Nothing) } else { limited(values) }
}

fn limited(values: Vec<PastedValue>) -> Result<Vec<PastedValue>, PastedError> {
    if values.len() > MOST_VALUES { Err(PastedError::TooMany) } else { Ok(values) }
}

/// The values of an argument without labels.
fn in_argument(argument: &str) -> Result<Vec<PastedValue>, PastedError> {
    let mut words = words_of(argument);
    let (Some(first), None) = (words.next(), words.next()) else {
        let values = numbers_in(argument);
        return match (values.is_empty(), argument.trim().is_empty()) {
            (true, true) => Err(PastedError::NotANumber(argument.to_owned())),
            (true, false) => Err(PastedError::Nothing),
            (false, _) => Ok(values),
        };
    };
    number(first).map(|value| vec![value])
}

/// The words of a text, without what languages and shells put around numbers.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || c.is_control() || "=:,;()[]{}<>\"'`|".contains(c))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| !word.is_empty())
}

/// The numbers of a line without labels: all of its words, or those that are numbers beyond doubt.
fn numbers_in(line: &str) -> Vec<PastedValue> {
    if let Ok(all) = words_of(line).map(number).collect() {
        return all;
    }
    let is_plain = |word: &&str| {
        word.starts_with("0x") || word.len() >= DIGITS / 2 && word.contains(|c: char| c.is_ascii_digit())
    };
    words_of(line).filter(is_plain).filter_map(|word| number(word).ok()).collect()
}

/// A number as the word that it is.
fn number(word: &str) -> Result<PastedValue, PastedError> {
    let trimmed = word.trim_matches(|c: char| c.is_whitespace() || ",;\"'`".contains(c));
    let not_a_number = || PastedError::NotANumber(word.to_owned());
    let bare = trimmed.trim_end_matches(['u', 'U', 'l', 'L']);
    let has_suffix = bare.len() < trimmed.len();
    if trimmed.len() - bare.len() > "ULL".len() {
        return Err(not_a_number());
    }
    let prefixed = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X"));
    let digits = prefixed.unwrap_or(bare).replace('_', "");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(not_a_number());
    }
    let too_many = || PastedError::TooManyDigits { word: word.to_owned(), digits: digits.len() };
    let is_decimal = prefixed.is_none() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let (value, as_decimal) = match (is_decimal, digits.len()) {
        (true, length) if has_suffix || (DIGITS + 1..=20).contains(&length) => {
            (digits.parse().map_err(|_| too_many())?, None)
        }
        (_, length) if length > DIGITS => return Err(too_many()),
        (is_decimal, length) => {
            let value = u64::from_str_radix(&digits, 16).map_err(|_| not_a_number())?;
            let decimal = digits.parse().ok().filter(|decimal| *decimal != value);
            (value, decimal.filter(|_| is_decimal && length < DIGITS))
        }
    };
    Ok(PastedValue { level: None, value, as_decimal, hint: None })
}

/// A label, and the way in which its kernel writes it.
struct Label {
    level: Level,
    style: Style,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `pmd`
    Lower,
    /// `PMD`, which x86 writes before a blank
    Upper,
    /// `S`, of s390
    S390,
}

fn label(word: &str) -> Option<Label> {
    let s390 =
        [("R1", Level::Pgd), ("R2", Level::P4d), ("R3", Level::Pud), ("S", Level::Pmd), ("P", Level::Pte)];
    if let Some((_, level)) = s390.into_iter().find(|(name, _)| *name == word) {
        return Some(Label { level, style: Style::S390 });
    }
    let level = Level::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(word))?;
    let style = if level.name() == word { Style::Upper } else { Style::Lower };
    Some(Label { level, style })
}

/// The values with labels, and where they are in the text.
fn labelled_in(text: &str) -> Result<Vec<(Range<usize>, PastedValue)>, PastedError> {
    if text.len() > MOST_BYTES {
        return Err(PastedError::TooLong);
    }
    let mut found = Vec::new();
    let mut begins = 0;
    for line in text.split_inclusive('\n') {
        let all = labelled_in_line(line);
        found.extend(all.into_iter().map(|(at, value)| (begins + at.start..begins + at.end, value)));
        begins += line.len();
    }
    Ok(found)
}

fn labelled_in_line(line: &str) -> Vec<(Range<usize>, PastedValue)> {
    let mut found = Vec::new();
    let runs = runs_of(line);
    for (n, run) in runs.iter().enumerate() {
        let word = &line[run.clone()];
        let Some(Label { level, style }) = label(word) else { continue };
        let Some(next) = runs.get(n + 1) else { continue };
        let between = &line[run.end..next.start];
        let is_bad = n > 0 && line[runs[n - 1].clone()].eq_ignore_ascii_case("bad");
        let Some(separator) = Separator::of(between, is_bad) else { continue };
        // bad pmd ADDRESS(VALUE)
        let in_brackets = runs.get(n + 2).filter(|after| is_bad && &line[next.end..after.start] == "(");
        let at = in_brackets.unwrap_or(next);
        let digits = &line[at.clone()];
        let is_value = match (style, separator) {
            _ if is_bad => true,
            (Style::S390, separator) => {
                separator == Separator::Sign && digits.len() == DIGITS && is_lower_hex(digits)
            }
            (_, Separator::Sign) => true,
            (Style::Upper, Separator::Blank) => is_lower_hex(digits) || digits.starts_with("0x"),
            (Style::Lower, Separator::Blank) => {
                let digit = digits.contains(|c: char| c.is_ascii_digit());
                digits.starts_with("0x")
                    || digits.len() == DIGITS
                    || digits.len() >= 6 && digit
                    || digits == "0"
            }
        };
        let Some(value) = labelled_number(digits).filter(|_| is_value) else { continue };
        let hint = match (style, separator) {
            (Style::S390, _) => Some(Arch::S390x),
            (Style::Upper, Separator::Blank) if !is_bad => Some(Arch::X86_64),
            _ => None,
        };
        found.push((at.clone(), PastedValue { level: Some(level), value, as_decimal: None, hint }));
    }
    found
}

/// A number after a label: hexadecimal, as kernels print it.
fn labelled_number(digits: &str) -> Option<u64> {
    let bare = digits.trim_end_matches(['u', 'U', 'l', 'L']);
    let bare = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")).unwrap_or(bare);
    let is_hex =
        !bare.is_empty() && bare.len() <= DIGITS && bare.bytes().all(|digit| digit.is_ascii_hexdigit());
    u64::from_str_radix(bare, 16).ok().filter(|_| is_hex)
}

fn is_lower_hex(digits: &str) -> bool {
    digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// What is between a label and its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// An equals sign or a colon.
    Sign,
    /// Blanks only.
    Blank,
}

impl Separator {
    fn of(between: &str, is_bad: bool) -> Option<Separator> {
        let allowed = |c: char| matches!(c, ' ' | '\t' | '"' | '\'' | '`' | '=' | ':') || is_bad && c == '(';
        let signs = between.matches(['=', ':']).count();
        (!between.is_empty() && between.chars().all(allowed) && signs <= 1).then_some(if signs == 1 {
            Separator::Sign
        } else {
            Separator::Blank
        })
    }
}

/// Where letters, digits and underscores are together.
fn runs_of(line: &str) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, c) in line.char_indices().filter(|(_, c)| c.is_alphanumeric() || *c == '_') {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end = at + c.len_utf8(),
            _ => runs.push(at..at + c.len_utf8()),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Option<Level>, u64)> {
        let values = in_arguments(&[text.to_owned()]).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(in_lines(text).as_ref(), Ok(&values), "{text}");
        values.into_iter().map(|value| (value.level, value.value)).collect()
    }

    fn hint(text: &str) -> Option<Arch> {
        in_lines(text).unwrap()[0].hint
    }

    #[test]
    fn lines_of_public_reports_have_their_values() {
        use Level::{P4d, Pgd, Pmd, Pte, Pud};
        let of = |values: &[(Level, u64)]| -> Vec<_> { values.iter().map(|(l, v)| (Some(*l), *v)).collect() };
        assert_eq!(
            found(
                "[ffff8881234e5000] pgd=0000000000000000, p4d=0000000000000000, pud=18000000bfffd403, \
                 pmd=00e8000199600704, pte=0068000020a00711"
            ),
            of(&[
                (Pgd, 0),
                (P4d, 0),
                (Pud, 0x1800_0000_bfff_d403),
                (Pmd, 0x00e8_0001_9960_0704),
                (Pte, 0x0068_0000_20a0_0711)
            ])
        );
        assert_eq!(
            found("Bad page map in process app  pte:8010000008337065 pmd:7fee5067"),
            of(&[(Pte, 0x8010_0000_0833_7065), (Pmd, 0x7fee_5067)])
        );
        for line in [
            "mm/pgtable-generic.c:50: bad pmd ffff8881004fa7f8(dffffffe71fbfe02)",
            "bad pmd (dffffffe71fbfe02)",
            "[  12.345678] bad pmd dffffffe71fbfe02",
        ] {
            assert_eq!(found(line), of(&[(Pmd, 0xdfff_fffe_71fb_fe02)]), "{line}");
        }
        let x86 = "PGD 3a0b067 P4D 3a0b067 PUD 3a0c067 PMD 80000000056000e3";
        assert_eq!(
            found(x86),
            of(&[(Pgd, 0x3a0_b067), (P4d, 0x3a0_b067), (Pud, 0x3a0_c067), (Pmd, 0x8000_0000_0560_00e3)])
        );
        assert_eq!(hint(x86), Some(Arch::X86_64));
        assert_eq!(found("PGD 0 P4D 0"), of(&[(Pgd, 0), (P4d, 0)]));
        let s390 =
            "Failing address: 0000000000000000 TEID: 0000000000000483 R3:00000000ffff8007 S:0000000000000020";
        assert_eq!(found(s390), of(&[(Pud, 0xffff_8007), (Pmd, 0x20)]));
        assert_eq!(hint(s390), Some(Arch::S390x));
        assert_eq!(found("pmd:0xdfffffffefdbfe00UL"), of(&[(Pmd, 0xdfff_ffff_efdb_fe00)]));
        assert_eq!(found("{\"pmd\": \"0x81200e00\"}"), of(&[(Pmd, 0x8120_0e00)]));
        assert_eq!(found("0x08000000081200c0,"), [(None, 0x0800_0000_0812_00c0)]);
        // A line whose words the shell took apart.
        let words: Vec<String> = x86.split(' ').map(str::to_owned).collect();
        assert_eq!(in_arguments(&words), in_lines(x86));
        // A number of its own beside a line.
        let values = in_arguments(&["0x1".to_owned(), "pmd=0x2".to_owned()]).unwrap();
        assert_eq!(values.iter().map(|value| value.value).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_bare_number_is_read_as_its_form_says() {
        for (text, value, as_decimal) in [
            ("0x81200", 0x81200, None),
            ("81200", 0x81200, Some(81200)),
            ("0", 0, None),
            ("81200e00", 0x8120_0e00, None),
            ("0000000081200000", 0x8120_0000, None),
            ("576460752438984896", 576_460_752_438_984_896, None),
            ("18446744073709551615", u64::MAX, None),
            ("81200UL", 81200, None),
            ("0x81200ULL", 0x81200, None),
            ("0xffff_ffff_ffff_ffff", u64::MAX, None),
            ("'0x81200',", 0x81200, None),
        ] {
            let values = in_arguments(&[text.to_owned()]).unwrap();
            assert_eq!(values, [PastedValue { level: None, value, as_decimal, hint: None }], "{text}");
        }
    }

    #[test]
    fn what_has_no_value_is_refused() {
        let of = |text: &str| in_arguments(&[text.to_owned()]).unwrap_err();
        for word in ["zz", "0x", "0xg", "0x0x1", "1.5", "_", "0x_", "\u{661}", "", "nonsense", "ULL", "1ULLL"]
        {
            assert!(matches!(of(word), PastedError::NotANumber(_)), "{word}: {:?}", of(word));
        }
        for word in ["0x00000000000000001", "18446744073709551616", "99999999999999999999999"] {
            assert!(matches!(of(word), PastedError::TooManyDigits { .. }), "{word}: {:?}", of(word));
        }
        for line in ["the bad pmd was added", "PMD BAD", "no value here", "pmd pte pud"] {
            assert_eq!(of(line), PastedError::Nothing, "{line}");
            assert_eq!(in_lines(line), Err(PastedError::Nothing), "{line}");
        }
        assert_eq!(of(&"pmd=1 ".repeat(1001)), PastedError::TooMany);
        assert_eq!(of(&" ".repeat(MOST_BYTES + 1)), PastedError::TooLong);
    }

    /// Numbers that are the same in every run.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        }

        fn below(&mut self, most: usize) -> usize {
            usize::try_from(self.next() % most as u64).unwrap()
        }
    }

    #[test]
    fn every_value_is_found_again_in_every_form() {
        let mut random = Random(1);
        for _ in 0..20_000 {
            let bits = random.below(65);
            let value = if bits == 0 { 0 } else { random.next() >> (64 - bits) };
            let level = Level::ALL[random.below(5)];
            let lower = level.name().to_lowercase();
            let s390 = ["R1", "R2", "R3", "S", "P"][level as usize];
            for text in [
                format!("{lower}={value:016x}, "),
                format!("*{lower}={value:x}"),
                format!("{lower}:{value:x}"),
                format!("{lower}: {value:#x}UL"),
                format!("{lower} {value:016x}"),
                format!("{lower} = {value:#018x};"),
                format!("{level} {value:x} Oops"),
                format!("mm/memory.c:1: bad {lower} {:016x}({value:016x})", random.next()),
                format!("{s390}:{value:016x} "),
                format!("({lower}='{value:#x}')"),
            ] {
                assert_eq!(found(&text), [(Some(level), value)], "{text}");
            }
            for text in [
                format!("{value:#x}"),
                format!("{value:016x},"),
                format!("\"{value:#018x}\""),
                format!("{value}UL"),
            ] {
                assert_eq!(found(&text), [(None, value)], "{text}");
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic() {
        let parts = [
            "pmd",
            "PMD",
            "bad",
            "=",
            ":",
            " ",
            "(",
            ")",
            "0x",
            "UL",
            "S",
            "R3",
            "\n",
            "\u{1b}[2J",
            "\0",
            "\u{e4}",
            "1",
            "ffffffffffffffff",
            "\u{202e}",
            "\u{661}",
            "_",
            ",",
            "pte",
            "99999999999999999",
            "\u{1f600}",
            "\"",
        ];
        let mut random = Random(2);
        for _ in 0..50_000 {
            let length = random.below(12);
            let text: String = (0..length).map(|_| parts[random.below(parts.len())]).collect();
            for result in [in_lines(&text), in_arguments(&[text.clone(), text.clone()])] {
                if let Err(error) = result {
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}
