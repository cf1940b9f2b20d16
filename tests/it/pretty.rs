//! Printing changes blanks between elements and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use hvreplica::xml::{Element, Node, decode, pretty, rewrite};
use proptest::prelude::*;

/// Raw content: text in every spelling, comments, elements.
fn content() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        " ",
        "\n  ",
        "\t",
        "\r\n",
        "x",
        " x ",
        "&amp;",
        "&lt;b&gt;",
        "&#xD;",
        "&#32;",
        "\u{a0}",
        "ä😀",
        "<![CDATA[ ]]>",
        "<![CDATA[<y> & ]]>",
        "<!-- note -->",
        "<?pi x?>",
        "<a/>",
        "<p:b k=\"v&#xA; &quot;\"/>",
    ]);
    let leaf = prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat());
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop::collection::vec((inner, any::<bool>(), 0..3_usize), 0..4).prop_map(|parts| {
            let tag = |(content, is_prefixed, blanks): &(String, bool, usize)| {
                let name = if *is_prefixed { "p:b" } else { "c" };
                format!("{}<{name} p:k=' v '>{content}</{name}>", " ".repeat(*blanks))
            };
            parts.iter().map(tag).collect()
        })
    })
}

/// The tree without blanks between elements that have no text beside them.
fn without_layout(mut element: Element) -> Element {
    let is_blank = |text: &str| text.chars().all(|character| " \t\r\n".contains(character));
    let is_layout = element.elements().next().is_some() && is_blank(&element.text());
    element.children = element
        .children
        .into_iter()
        .filter_map(|node| match node {
            Node::Element(child) => Some(Node::Element(without_layout(child))),
            Node::Text(_) if is_layout => None,
            text @ Node::Text(_) => Some(text),
        })
        .collect();
    element
}

proptest! {
    #[test]
    fn no_text_changes(content in content()) {
        let document = format!("<?xml version='1.0'?><a xmlns:p='u'>{content}</a>");
        let tree = without_layout(Element::parse(&document).unwrap());
        let printed = pretty(&document).unwrap();
        prop_assert_eq!(without_layout(Element::parse(&printed).unwrap()), tree.clone());
        prop_assert_eq!(pretty(&printed).unwrap(), printed);
        let written_anew = rewrite(&document, |_, text| Some(text.to_owned())).unwrap();
        prop_assert_eq!(without_layout(Element::parse(&written_anew).unwrap()), tree);
    }

    #[test]
    fn a_string_of_blanks_stays_one(blanks in "[ \t\n]{1,9}") {
        let printed = pretty(&format!("<a>\n<b>{blanks}</b> <c/></a>")).unwrap();
        prop_assert_eq!(printed, format!("<a>\n  <b>{blanks}</b>\n  <c/>\n</a>\n"));
    }
}

/// The collection of recorded messages beside the checkout, where it is there.
#[test]
fn no_text_of_real_messages_changes() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("HVREPLICA_SHARED").map_or(beside, PathBuf::from);
    let mut folders = vec![shared.join("corpus")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            println!("skipped: no {}", folder.display());
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let Ok(text) = decode(&bytes, None) else { continue };
            let Ok(tree) = Element::parse(&text) else { continue };
            let printed = Element::parse(&pretty(&text).unwrap()).unwrap();
            assert_eq!(without_layout(printed), without_layout(tree), "{}", path.display());
            count += 1;
        }
    }
    println!("{count} messages");
}

#[test]
fn blanks_in_front_of_the_root_stay_there() {
    let document = "<?xml version=\"1.0\"?>\n  <a>x<b/>y</a>";
    assert_eq!(pretty(document).unwrap(), "<a>x<b/>y</a>\n");
}
