//! The rule that comments and Markdown are plain technical English.
//!
//! The rule finds words and openings that often make a sentence hard to understand. It looks at
//! comments that have a line of their own, at documentation and at Markdown, outside of code.

use super::lines::{Paragraph, paragraphs};
use super::{Fault, File};

/// Words that open a sentence whose subject has no name.
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
    paragraphs.iter().flat_map(|paragraph| paragraph_faults(file, paragraph)).collect()
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

fn begins_with(words: &[Word], phrase: &str) -> bool {
    let mut words = words.iter().map(|word| &*word.text);
    phrase.split(' ').all(|expected| words.next() == Some(expected))
}

/// "There is no X" and "is no longer" are plain English.
fn is_allowed(words: &[Word], at: usize, phrase: &str) -> bool {
    let before = at.checked_sub(1).map_or("", |before| &*words[before].text);
    let after = words.get(at + 2).map_or("", |word| &*word.text);
    phrase == "is no" && (before == "there" || ["longer", "more"].contains(&after))
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
    /// Whether the word is the first one of a sentence.
    opens: bool,
    /// The sign that ends the sentence, if the word is its last one.
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
                // A sentence that opens with code does not open with the word after it.
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
            "There is no segment. It is no longer there.",
            "The word `told` and [a link](told.md) are fine.",
            "```\nWhat is told\n```",
            "<!-- told -->",
        ] {
            assert_eq!(faults_of(text), Vec::<String>::new(), "{text}");
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
