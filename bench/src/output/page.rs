//! Puts the results into a Markdown page, between two marks.

use crate::Fallible;

const BEGIN: &str = "<!-- begin: written by cargo xtask bench -->";
const END: &str = "<!-- end: written by cargo xtask bench -->";

/// Returns the page with the result between its marks.
pub(super) fn with_result(page: &str, result: &str) -> Fallible<String> {
    let begin = page.find(BEGIN).map(|at| at + BEGIN.len());
    match (begin, page.find(END)) {
        (Some(begin), Some(end)) if begin <= end => {
            Ok(format!("{}\n\n{result}\n\n{}", &page[..begin], &page[end..]))
        }
        _ => Err(format!("the page has no lines {BEGIN} and {END} for the result").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_between_the_marks_is_replaced() {
        let page = format!("# Title\n{BEGIN}old{END}\nThe rest.\n");
        let written = with_result(&page, "new").unwrap();
        assert_eq!(written, format!("# Title\n{BEGIN}\n\nnew\n\n{END}\nThe rest.\n"));
        assert_eq!(with_result(&written, "new").unwrap(), written);
    }

    #[test]
    fn a_page_without_marks_is_refused() {
        assert!(with_result("# Title\n", "new").is_err());
        assert!(with_result(&format!("{END}{BEGIN}"), "new").is_err());
    }
}
