//! The XML room: what the reader refuses, and text through the writer and back.

use std::time::{Duration, Instant};

use hvreplica::xml::{Element, Event, Limits, Reader, WriteError, Writer, XmlError, difference, pretty};
use proptest::prelude::*;

use crate::sample::text;

fn read(document: &str) -> Result<(), XmlError> {
    let mut reader = Reader::new(document);
    while reader.next_event()? != Event::Eof {}
    Ok(())
}

#[test]
fn refuses_what_is_no_document() {
    for (document, error) in [
        ("", XmlError::NoRoot),
        ("text", XmlError::NoRoot),
        ("<a>", XmlError::Unclosed),
        ("<a><b></b>", XmlError::Unclosed),
        ("<a/><b/>", XmlError::SecondRoot),
        ("<a/>text", XmlError::SecondRoot),
        ("<a/><![CDATA[x]]>", XmlError::SecondRoot),
        ("<a/>&amp;", XmlError::SecondRoot),
        ("<!DOCTYPE a><a/>", XmlError::Dtd),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", XmlError::Dtd),
        ("<p:a/>", XmlError::UndeclaredPrefix),
        ("<a p:b='c'/>", XmlError::UndeclaredPrefix),
        ("<a><b xmlns:p='u'/><p:c/></a>", XmlError::UndeclaredPrefix),
        ("<a xmlns:p=''><p:b/></a>", XmlError::UndeclaredPrefix),
        ("<a>&b;</a>", XmlError::Entity),
        ("<a>&#0;</a>", XmlError::ForbiddenCharacter),
        ("<a>&#xFFFF;</a>", XmlError::ForbiddenCharacter),
        ("<a>&#xD800;</a>", XmlError::ForbiddenCharacter),
        ("<a>&#x110000;</a>", XmlError::ForbiddenCharacter),
    ] {
        assert_eq!(read(document), Err(error), "{document}");
    }
    for document in [
        "<a b='1' b='2'/>",
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        "<a b='&#1;'/>",
        "<a b=1/>",
        "<a b/>",
        "<a></b>",
        "</a>",
        "<a b='&c;'/>",
        "<a",
        "<a><!-- ",
        "<a><![CDATA[",
        "<a>&amp</a>",
        "<>",
    ] {
        assert!(read(document).is_err(), "{document}");
    }
}

#[test]
fn limits_hold_at_once() {
    let begin = Instant::now();
    let deep = "<a>".repeat(100_000);
    assert_eq!(read(&deep), Err(XmlError::TooDeep));
    assert_eq!(Element::parse(&deep), Err(XmlError::TooDeep));
    let wide: String = (0..100_000).map(|at| format!(" a{at}='1'")).collect();
    assert_eq!(read(&format!("<a{wide}/>")), Err(XmlError::TooManyAttributes));
    assert!(begin.elapsed() < Duration::from_secs(1));

    let mut reader = Reader::with_limits("<a><b/><b/></a>", Limits { elements: 2, ..Limits::default() });
    let error = loop {
        match reader.next_event() {
            Ok(Event::Eof) => panic!("no limit"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error, XmlError::TooManyElements);
}

/// Each of these elements would hold a megabyte.
#[test]
fn a_long_namespace_counts_for_many_elements() {
    let namespace = "x".repeat(1 << 20);
    for inside in ["<p:b/>".repeat(100), "<b p:c=''/>".repeat(100)] {
        let document = format!("<a xmlns:p='{namespace}'>{inside}</a>");
        assert_eq!(Element::parse(&document), Err(XmlError::TooManyElements));
    }
    assert!(Element::parse(&format!("<a xmlns:p='{namespace}'>{}</a>", "<p:b/>".repeat(10))).is_ok());
    let wide = format!("<b {}/>", (0..100).map(|at| format!("a{at}='' ")).collect::<String>());
    assert!(Element::parse(&format!("<a>{}</a>", wide.repeat(900))).is_ok());
    assert_eq!(Element::parse(&format!("<a>{}</a>", wide.repeat(1000))), Err(XmlError::TooManyElements));
}

#[test]
fn names_are_resolved_in_their_scope() {
    let document = "<p:a xmlns:p='one' xmlns='two'><b/><p:c xmlns:p='three' p:d='4' e='5'/><p:f/></p:a>";
    let root = Element::parse(document).unwrap();
    assert!(root.is("one", "a"));
    let names: Vec<_> =
        root.elements().map(|element| (element.namespace.as_str(), element.local.as_str())).collect();
    assert_eq!(names, [("two", "b"), ("three", "c"), ("one", "f")]);
    let inner = root.find("three", "c").unwrap();
    assert_eq!((inner.attribute("three", "d"), inner.attribute("", "e")), (Some("4"), Some("5")));
}

#[test]
fn a_name_in_text_may_be_declared_by_its_element() {
    let mut reader = Reader::new("<a><b xmlns:p='u'>\n p:c </b><d>p:c</d></a>");
    reader.next_event().unwrap();
    assert!(reader.child().unwrap());
    let name = reader.text_name().unwrap();
    assert_eq!((name.text.as_str(), name.local(), name.namespace.as_deref()), ("\n p:c ", "c", Some("u")));
    assert!(reader.child().unwrap());
    assert_eq!(reader.text_name().unwrap().namespace, None);
}

#[test]
fn the_writer_says_what_it_cannot_carry() {
    let mut writer = Writer::new();
    writer.element("a").text("\u{1}");
    assert_eq!(writer.finish(), Err(WriteError::ForbiddenCharacter('\u{1}')));
}

#[test]
fn differences_are_named() {
    let parse = |document: &str| Element::parse(document).unwrap();
    let one = parse("<p:a xmlns:p='u' b='1' c='2'>\n  <d>x</d>\n</p:a>");
    assert_eq!(difference(&one, &parse("<a xmlns='u' c='2' b='1'><d xmlns=''>x</d></a>")), None);
    let other = parse("<p:a xmlns:p='u' b='1' c='2'><d>x </d></p:a>");
    assert_eq!(difference(&one, &other).unwrap(), "/a/d: expected \"x\", found \"x \"");
    let more = parse("<p:a xmlns:p='u' b='1' c='2'><d>x</d><e/></p:a>");
    assert_eq!(difference(&one, &more).unwrap(), "/a: expected nothing more, found {}e");
}

proptest! {
    #[test]
    fn text_survives(content in text(), value in text()) {
        let mut writer = Writer::new();
        writer.element("p:a").declare("p", "urn:x").attribute("b", &value).content(|writer| {
            writer.element("c").text(&content);
        });
        let document = writer.finish().unwrap();
        let root = Element::parse(&document).unwrap();
        prop_assert_eq!(root.attribute("", "b"), Some(value.as_str()));
        prop_assert_eq!(root.find("", "c").unwrap().text(), content);
        let printed = pretty(&document).unwrap();
        prop_assert_eq!(difference(&root, &Element::parse(&printed).unwrap()), None);
    }

    #[test]
    fn an_independent_reader_agrees(content in text(), value in text()) {
        let mut writer = Writer::new();
        writer.element("a").attribute("b", &value).text(&content);
        let document = writer.finish().unwrap();
        let tree = roxmltree::Document::parse(&document).unwrap();
        prop_assert_eq!(tree.root_element().attribute("b"), Some(value.as_str()));
        let texts: String = tree.root_element().children().filter_map(|child| child.text()).collect();
        prop_assert_eq!(texts, content);
    }

    #[test]
    fn any_text_is_read_or_refused(document in "[<>/a:b='\" &;#x!\\[\\]?-]{0,40}") {
        let ours = read(&document);
        // Whatever we take, another reader takes as well.
        if ours.is_ok() {
            prop_assert!(roxmltree::Document::parse(&document).is_ok(), "{document:?}");
        }
    }
}
