//! Patterns of LIKE.

/// A pattern: `%` any text, `_` one character, `[a-z]` one of a set, `[^a-z]` one that is not in it.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Any,
    One,
    Letter(char),
    Set { ranges: Vec<(char, char)>, negated: bool },
}

impl Pattern {
    /// Reads a pattern; case does not count.
    pub(super) fn new(text: &str) -> Self {
        let mut letters = text.chars().flat_map(char::to_lowercase).peekable();
        let mut parts = Vec::new();
        while let Some(letter) = letters.next() {
            parts.push(match letter {
                '%' => Part::Any,
                '_' => Part::One,
                '[' => set(letters.by_ref().take_while(|letter| *letter != ']').collect()),
                other => Part::Letter(other),
            });
        }
        Self { parts }
    }

    /// Whether the whole text fits.
    pub(super) fn fits(&self, text: &str) -> bool {
        let letters: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
        // ends[n]: the parts so far can end after n letters.
        let mut ends = vec![false; letters.len() + 1];
        ends[0] = true;
        for part in &self.parts {
            let mut next = vec![false; ends.len()];
            for at in (0..ends.len()).filter(|at| ends[*at]) {
                match part {
                    Part::Any => next[at..].fill(true),
                    _ if letters.get(at).is_some_and(|letter| part.takes(*letter)) => next[at + 1] = true,
                    _ => {}
                }
            }
            ends = next;
        }
        ends.last().copied().unwrap_or_default()
    }
}

impl Part {
    fn takes(&self, letter: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Letter(own) => *own == letter,
            Self::Set { ranges, negated } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&letter)) != *negated
            }
        }
    }
}

fn set(content: Vec<char>) -> Part {
    let (negated, content) = match content.split_first() {
        Some(('^', rest)) => (true, rest),
        _ => (false, content.as_slice()),
    };
    let mut ranges = Vec::new();
    let mut rest = content;
    loop {
        rest = match rest {
            [] => break,
            [from, '-' | '=', to, after @ ..] => {
                ranges.push((*from, *to));
                after
            }
            [letter, after @ ..] => {
                ranges.push((*letter, *letter));
                after
            }
        };
    }
    Part::Set { ranges, negated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_like() {
        for (pattern, text, fits) in [
            ("web%", "WEB01", true),
            ("web_", "web01", false),
            ("%0_", "web01", true),
            ("[t-z]eb%", "web", true),
            ("[^t-z]eb%", "web", false),
            ("50[%][_]off", "50%_off", true),
            ("50[%]", "50x", false),
            ("", "", true),
            ("%%%%%%%%%%%%%%%%%%%%%x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} {text}");
        }
    }
}
