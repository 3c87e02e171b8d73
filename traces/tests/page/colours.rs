//! Whether text can be read: the contrast of each pair of colours, in both schemes and on paper.

use std::collections::BTreeMap;

const STYLE: &str = include_str!("../../src/html/page.css");

/// Each colour of text, with the backgrounds that it is used on.
const PAIRS: [(&str, &[&str]); 7] = [
    ("ink", &["paper", "ground", "bad-ground", "open-ground"]),
    ("soft", &["paper", "ground", "bad-ground", "open-ground"]),
    ("link", &["paper", "ground"]),
    ("bad", &["paper", "ground", "bad-ground"]),
    ("good", &["paper", "ground", "bad-ground"]),
    ("open", &["paper", "ground", "open-ground", "bad-ground"]),
    ("on-sign", &["bad"]),
];

/// Returns the colours by name for light, dark and paper. A scheme takes from the first what it does not set.
fn schemes() -> Vec<BTreeMap<String, [f64; 3]>> {
    let mut schemes: Vec<BTreeMap<String, [f64; 3]>> = Vec::new();
    for block in STYLE.split(":root {").skip(1) {
        let mut colours = schemes.first().cloned().unwrap_or_default();
        let (block, _) = block.split_once('}').unwrap();
        for declaration in block.split(';') {
            let Some((name, value)) = declaration.trim().split_once(':') else { continue };
            if let (Some(name), Some(digits)) = (name.strip_prefix("--"), value.trim().strip_prefix('#')) {
                colours.insert(name.to_owned(), colour(digits));
            }
        }
        schemes.push(colours);
    }
    schemes
}

fn colour(digits: &str) -> [f64; 3] {
    let width = digits.len() / 3;
    [0, 1, 2].map(|n| {
        let part = &digits[n * width..(n + 1) * width];
        let value = u8::from_str_radix(&part.repeat(2 / width), 16).unwrap();
        f64::from(value) / 255.0
    })
}

/// Returns the relative luminance by WCAG 2.
fn luminance(colour: [f64; 3]) -> f64 {
    let linear = colour.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_has_a_contrast_of_four_and_a_half_to_its_ground() {
    let schemes = schemes();
    assert_eq!(schemes.len(), 3, "light, dark, paper");
    let more: [(&str, &[&str]); 1] = [("mark-ink", &["mark"])];
    for colours in &schemes {
        for (text, grounds) in PAIRS.iter().chain(&more) {
            for ground in *grounds {
                let contrast = contrast(colours[*text], colours[*ground]);
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
            }
        }
    }
}

#[test]
fn contrast_is_that_of_the_standard() {
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
    assert!((contrast(colour("777"), colour("ffffff")) - 4.48).abs() < 0.01);
}
