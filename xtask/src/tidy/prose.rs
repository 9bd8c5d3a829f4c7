//! The rule that comments and Markdown are plain technical English.
//!
//! The rule finds words and openings that often make a sentence hard to understand. It checks
//! documentation, Markdown, and comments on separate lines, but no code.

use super::lines::{Paragraph, paragraphs};
use super::{Fault, File};

/// Opening words of sentences without a named subject.
const OPENINGS: [&str; 5] = ["what", "whoever", "nobody", "neither", "who"];

/// Phrases and their replacements.
const PHRASES: [(&str, &str); 13] = [
    ("for ever", "write how long, or \"without a limit\""),
    ("anew", "write \"again\""),
    ("stands", "write \"is\""),
    ("lies", "write \"is\""),
    ("mend", "write \"repair\""),
    ("mends", "write \"repairs\""),
    ("mended", "write \"repaired\""),
    ("mending", "write \"repairing\""),
    ("told", "write \"reported\", or name the thing"),
    ("asked", "write \"requested\" or \"queried\", or name the thing"),
    ("so many", "write the number, or name it"),
    ("may not", "write \"cannot\" or \"must not\""),
    ("is no", "write \"is not a\""),
];

pub(super) fn faults(file: &File) -> Vec<Fault> {
    let paragraphs = paragraphs(file);
    let in_prose = paragraphs.iter().flat_map(|paragraph| paragraph_faults(file, paragraph));
    in_prose.chain(name_faults(file)).collect()
}

/// Checks the names of functions, because the name of a test is a sentence.
fn name_faults(file: &File) -> Vec<Fault> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let Some((before, name)) = line.split_once("fn ") else { continue };
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        let sentence = name[..end].replace('_', " ");
        let is_code = !before.contains('"') && !before.trim_start().starts_with("//");
        // A name of one word cannot be a sentence, and the id of a check never changes.
        let is_sentence = sentence.contains(' ') && !is_check_id(&sentence);
        if !is_code || !is_sentence || before.ends_with(char::is_alphanumeric) {
            continue;
        }
        let words = words(&sentence, index + 1);
        let is_bad = |at: usize| {
            let found = |&(phrase, _): &(&str, &str)| {
                begins_with(&words[at..], phrase) && !is_allowed(&words, at, phrase)
            };
            PHRASES.iter().any(found)
        };
        if OPENINGS.contains(&&*words[0].text) || (0..words.len()).any(is_bad) {
            let what = format!("the name {} is not plain English", &name[..end]);
            faults.push(Fault::at(file, index + 1, what));
        }
    }
    faults
}

fn paragraph_faults(file: &File, paragraph: &Paragraph) -> Vec<Fault> {
    let words = words(&paragraph.text, paragraph.line);
    let mut faults = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let opens = word.opens && !paragraph.is_heading && !is_question(&words[at..]);
        if opens && OPENINGS.contains(&word.text.as_str()) {
            let what = format!("a sentence opens with \"{}\": name the subject", word.text);
            faults.push(Fault::at(file, word.line, what));
        }
        for (phrase, advice) in PHRASES {
            if begins_with(&words[at..], phrase) && !is_allowed(&words, at, phrase) {
                faults.push(Fault::at(file, word.line, format!("\"{phrase}\": {advice}")));
            }
        }
    }
    faults
}

/// Whether the name of a function is the id of a check, such as `a1_order`.
fn is_check_id(sentence: &str) -> bool {
    let clause = sentence.split(' ').next().unwrap_or_default();
    let number = clause.trim_start_matches(|c: char| c.is_ascii_lowercase());
    clause.len() == number.len() + 1 && number.parse::<u8>().is_ok()
}

fn begins_with(words: &[Word], phrase: &str) -> bool {
    let mut words = words.iter().map(|word| &*word.text);
    phrase.split(' ').all(|expected| words.next() == Some(expected))
}

/// "There is no X", "is no longer" and "stands for" are plain English.
fn is_allowed(words: &[Word], at: usize, phrase: &str) -> bool {
    let before = at.checked_sub(1).map_or("", |before| &*words[before].text);
    let after = |count: usize| words.get(at + count).map_or("", |word| &*word.text);
    match phrase {
        "is no" => before == "there" || ["longer", "more"].contains(&after(2)),
        "stands" => after(1) == "for",
        _ => false,
    }
}

/// Whether the sentence that begins here ends with a question mark.
fn is_question(words: &[Word]) -> bool {
    let end = words.iter().find(|word| word.end.is_some());
    end.is_some_and(|word| word.end == Some('?'))
}

#[derive(Debug)]
struct Word {
    /// In lower case.
    text: String,
    line: usize,
    /// Whether the word is the first word of a sentence.
    opens: bool,
    /// The sign that ends the sentence, if the word is its last word.
    end: Option<char>,
}

/// Splits a text into its words. Code and the targets of links are left out.
fn words(text: &str, first_line: usize) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let (mut line, mut opens, mut in_code) = (first_line, true, false);
    let mut characters = text.chars().peekable();
    let mut word = String::new();
    while let Some(character) = characters.next() {
        if character.is_alphanumeric() && !in_code {
            word.extend(character.to_lowercase());
        } else if !word.is_empty() {
            words.push(Word { text: std::mem::take(&mut word), line, opens, end: None });
            opens = false;
        }
        let next = characters.peek();
        match character {
            '\n' => line += 1,
            '`' => {
                in_code = !in_code;
                // Code at the start of a sentence counts as its first word.
                opens = false;
            }
            ']' if next == Some(&'(') => {
                line +=
                    characters.by_ref().take_while(|&c| c != ')').filter(|&c| c == '\n').count();
            }
            '<' => {
                line +=
                    characters.by_ref().take_while(|&c| c != '>').filter(|&c| c == '\n').count();
            }
            '.' | '!' | '?' if !in_code && next.is_none_or(|next| next.is_whitespace()) => {
                if let Some(last) = words.last_mut() {
                    last.end = Some(character);
                }
                opens = true;
            }
            _ => {}
        }
    }
    if !word.is_empty() {
        words.push(Word { text: word, line, opens, end: None });
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(text: &str) -> Vec<String> {
        let file = File { path: "a.md".into(), text: text.into() };
        faults(&file).into_iter().map(|fault| format!("{} {}", fault.path, fault.what)).collect()
    }

    #[test]
    fn openings_and_phrases_are_found() {
        let cases = [
            ("What is there, stays.", 1),
            ("It is so. Who reads, waits.", 1),
            ("Nobody waits.", 1),
            ("It waits for\never.", 1),
            ("The file lies beside it and stands alone.", 2),
            ("It may not be read so many times.", 2),
            ("This is no segment.", 1),
            ("They were told and asked anew.", 3),
        ];
        for (text, count) in cases {
            assert_eq!(faults_of(text).len(), count, "{text}: {:?}", faults_of(text));
        }
    }

    #[test]
    fn plain_sentences_pass() {
        for text in [
            "It returns what it reads.",
            "What is a session?",
            "## What it is not",
            "There is no segment. It is no longer there. An id stands for it.",
            "The word `told` and [a link](told.md) are fine.",
            "```\nWhat is told\n```",
            "<!-- told -->",
        ] {
            assert_eq!(faults_of(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn names_of_functions_are_checked() {
        let cases = [
            ("fn what_is_there_stays() {}", 1),
            ("    pub fn it_is_told_so(x: u8) {}", 1),
            ("fn it_stays() {}", 0),
            ("fn l3_a_pod_is_no_session() {}", 0),
            ("fn it_is_no_longer_there() {}", 0),
            ("fn who() {}", 0),
            ("let f: impl Fn(u8);", 0),
        ];
        for (text, count) in cases {
            let file = File { path: "a.rs".into(), text: text.into() };
            assert_eq!(faults(&file).len(), count, "{text}");
        }
    }

    #[test]
    fn the_line_is_named() {
        assert_eq!(
            faults_of("One.\nTwo is\ntold."),
            ["a.md:3 \"told\": write \"reported\", or name the thing"]
        );
    }
}
