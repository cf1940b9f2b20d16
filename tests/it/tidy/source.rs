//! Reads Rust source as far as the rules need it: code without comments and literals, and the paths it names.

/// The code of `text`: comments and what stands inside literals become blanks, line breaks stay.
pub(super) fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&char) = chars.get(at) {
        let end = if starts(&chars, at, "//") {
            line_end(&chars, at)
        } else if starts(&chars, at, "/*") {
            block_end(&chars, at)
        } else if char == '"' {
            string_end(&chars, at)
        } else if let Some(hashes) = raw_string(&chars, at) {
            raw_end(&chars, at, hashes)
        } else if char == '\'' {
            char_end(&chars, at)
        } else {
            out.push(char);
            at += 1;
            continue;
        };
        out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

fn starts(chars: &[char], at: usize, text: &str) -> bool {
    text.chars().enumerate().all(|(offset, wanted)| chars.get(at + offset) == Some(&wanted))
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|&c| c == '\n').map_or(chars.len(), |length| at + length)
}

fn block_end(chars: &[char], at: usize) -> usize {
    let (mut at, mut depth) = (at + 2, 1);
    while depth > 0 && at < chars.len() {
        if starts(chars, at, "*/") {
            depth -= 1;
            at += 2;
        } else if starts(chars, at, "/*") {
            depth += 1;
            at += 2;
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(chars: &[char], at: usize) -> usize {
    let mut at = at + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// The number of hashes of a raw string whose `r` stands here.
fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let inside_a_name = at > 0 && is_name(chars[at - 1]) && !matches!(chars[at - 1], 'b' | 'c');
    if chars[at] != 'r' || inside_a_name {
        return None;
    }
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    (chars.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

fn raw_end(chars: &[char], at: usize, hashes: usize) -> usize {
    let close = format!("\"{}", "#".repeat(hashes));
    let body = at + hashes + 2;
    (body..chars.len()).find(|&at| starts(chars, at, &close)).map_or(chars.len(), |at| at + hashes + 1)
}

/// The end of a character literal, or of the quote alone where a lifetime begins.
fn char_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => {
            chars.iter().skip(at + 3).position(|&c| c == '\'').map_or(chars.len(), |length| at + 4 + length)
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}

fn is_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// What stands before the inline test module of `code`.
pub(super) fn production(code: &str) -> &str {
    let mut rest = 0;
    while let Some(found) = code[rest..].find("#[cfg(test)]") {
        let start = rest + found;
        rest = start + "#[cfg(test)]".len();
        let item =
            code[rest..].lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("#["));
        if item.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{')) {
            return &code[..start];
        }
    }
    code
}

/// A path that the code names, such as `crate::cim::Value`; a macro's name keeps its `!`.
#[derive(Debug, PartialEq)]
pub(super) struct Path {
    pub(super) line: usize,
    pub(super) segments: Vec<String>,
}

#[derive(Debug, PartialEq)]
enum Token {
    Name(String),
    Join,
    Other(char),
}

/// Every path of `code`, groups of `use` spelled out.
pub(super) fn paths(code: &str) -> Vec<Path> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = match tokens[at].1 {
            Token::Name(_) => read_path(&tokens, at, &[], &mut found),
            _ => at + 1,
        };
    }
    found
}

fn tokens(code: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = code.chars().collect();
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let length = if is_name(chars[at]) {
            let length = chars[at..].iter().take_while(|&&c| is_name(c)).count();
            tokens.push((line, Token::Name(chars[at..at + length].iter().collect())));
            length
        } else if starts(&chars, at, "::") {
            tokens.push((line, Token::Join));
            2
        } else {
            line += usize::from(chars[at] == '\n');
            if !chars[at].is_whitespace() {
                tokens.push((line, Token::Other(chars[at])));
            }
            1
        };
        at += length;
    }
    tokens
}

/// Reads the path whose name stands at `at` behind `prefix`; gives the place of the next token.
fn read_path(tokens: &[(usize, Token)], at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    let (line, Token::Name(name)) = &tokens[at] else { return at + 1 };
    let mut segments = prefix.to_vec();
    segments.push(name.clone());
    let next = |offset: usize| tokens.get(at + offset).map(|(_, token)| token);
    match (next(1), next(2)) {
        (Some(Token::Join), Some(Token::Name(_))) => return read_path(tokens, at + 2, &segments, found),
        (Some(Token::Join), Some(Token::Other('{'))) => return read_group(tokens, at + 3, &segments, found),
        (Some(Token::Other('!')), Some(Token::Other('(' | '[' | '{'))) => {
            segments.pop();
            segments.push(format!("{name}!"));
        }
        _ => {}
    }
    found.push(Path { line: *line, segments });
    at + 1
}

fn read_group(tokens: &[(usize, Token)], mut at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    while let Some((_, token)) = tokens.get(at) {
        at = match token {
            Token::Other('}') => return at + 1,
            Token::Name(name) if name == "as" => at + 2,
            Token::Name(_) => read_path(tokens, at, prefix, found),
            _ => at + 1,
        };
    }
    at
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = "a // b\n/* c /* d */ e */ f \"g \\\" h\" i r#\"j \" k\"# l 'm' n '\\'' o<'p> b\"q\" r\n";
    let words: Vec<_> = code(text).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["a", "f", "i", "l", "n", "o<", "p>", "b", "r"]);
    assert_eq!(code(text).len(), text.len());
}

#[test]
fn test_modules_are_no_production() {
    let text = "#[cfg(test)]\nuse a::b;\nfn c() {}\n#[cfg(test)]\nmod tests {\n}\n";
    assert_eq!(production(text), "#[cfg(test)]\nuse a::b;\nfn c() {}\n");
    assert_eq!(production("#[cfg(test)]\nmod tests;\nmod a;\n"), "#[cfg(test)]\nmod tests;\nmod a;\n");
}

#[test]
fn groups_are_spelled_out() {
    let text =
        "use crate::{\n cim::{Value as V, Name},\n xml,\n};\nlet now = std::time::Instant::now();\nprint!(x)";
    let found: Vec<_> = paths(text).into_iter().map(|path| (path.line, path.segments.join("::"))).collect();
    let wanted = [
        (1, "use"),
        (2, "crate::cim::Value"),
        (2, "crate::cim::Name"),
        (3, "crate::xml"),
        (5, "let"),
        (5, "now"),
        (5, "std::time::Instant::now"),
        (6, "print!"),
        (6, "x"),
    ];
    assert_eq!(found, wanted.map(|(line, path)| (line, path.to_owned())));
}
