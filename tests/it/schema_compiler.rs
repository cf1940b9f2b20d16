//! The compiler of `schemas/`: what it reads, what it refuses and where it says so.

#[path = "../../src/schema_compiler/mod.rs"]
pub(crate) mod compiler;

use compiler::model::{DataType, Literal};
use compiler::resolve::{Resolved, Schema};
use compiler::values::Entry;
use compiler::{Source, compile, read};

const QUALIFIERS: &str = r#"
#pragma namespace ("root/test")
Qualifier Abstract : boolean = false, Scope(class), Flavor(Restricted);
Qualifier Association : boolean = false, Scope(association), Flavor(DisableOverride);
Qualifier Description : string = null, Scope(any);
Qualifier In : boolean = true, Scope(parameter);
Qualifier Key : boolean = false, Scope(property, reference), Flavor(DisableOverride);
Qualifier MaxLen : uint32 = null, Scope(property);
Qualifier Out : boolean = false, Scope(parameter);
Qualifier Override : string = null, Scope(property, reference, method), Flavor(Restricted);
Qualifier ValueMap : string[], Scope(property, method, parameter);
Qualifier Values : string[], Scope(property, method, parameter);
"#;

fn schema(text: &str) -> Result<Schema, String> {
    let text = format!("#pragma namespace (\"root/test\")\n{text}");
    let sources = [Source { name: "q.mof", text: QUALIFIERS }, Source { name: "t.mof", text: &text }];
    read(&sources).map_err(|error| error.to_string())
}

fn class(text: &str) -> Resolved {
    schema(text).unwrap().classes.pop().unwrap()
}

fn refused(text: &str) -> String {
    schema(text).unwrap_err()
}

#[test]
fn constants_are_read() {
    let cases = [
        ("7", Literal::Integer(7)),
        ("-7", Literal::Integer(-7)),
        ("0x7fFF", Literal::Integer(0x7fff)),
        ("017", Literal::Integer(15)),
        ("101b", Literal::Integer(5)),
        ("18446744073709551615", Literal::Integer(i128::from(u64::MAX))),
        ("-1.5e+2", Literal::Real(-150.0)),
        (".5", Literal::Real(0.5)),
        ("TRUE", Literal::Boolean(true)),
        ("False", Literal::Boolean(false)),
        ("Null", Literal::Null),
        ("'a'", Literal::Character('a')),
        (r"'\x41'", Literal::Character('A')),
        (r"'\''", Literal::Character('\'')),
        (r#""""#, Literal::Text(String::new())),
        (r#""a\b\t\n\f\r\"\'\\z""#, Literal::Text("a\u{8}\t\n\u{c}\r\"'\\z".to_owned())),
        (r#""\x41\xE9.\X263Ag""#, Literal::Text("A\u{e9}.\u{263a}g".to_owned())),
        ("\"one \" \"two\" // three\n \"four\"", Literal::Text("one twofour".to_owned())),
        ("{ 1, \"a\" }", Literal::Array(vec![Literal::Integer(1), Literal::Text("a".to_owned())])),
        ("{}", Literal::Array(Vec::new())),
    ];
    for (text, expected) in cases {
        let class = class(&format!("class T_A {{ string P = {text}; }};"));
        assert_eq!(class.properties[0].declared.default, Some(expected), "{text}");
    }
}

#[test]
fn comments_and_case_do_not_matter() {
    let class = class("/* one\n * two */ CLASS T_A // three\n { UINT16 /**/ P[ 4 ]; T_A ref R; } ;\n// end");
    assert_eq!(class.name, "T_A");
    let kinds: Vec<_> =
        class.properties.iter().map(|own| (own.declared.kind.clone(), own.declared.is_array)).collect();
    assert_eq!(
        kinds,
        [(DataType::Intrinsic("uint16"), true), (DataType::Reference("T_A".to_owned()), false)]
    );
}

#[test]
fn methods_are_read() {
    let class = class(
        "class T_A { [ValueMap { \"0\" }, Values { \"Done\" }] uint32 M([In] string A[], \
         [In(false), Out] T_A REF B); uint32 N(); };",
    );
    let method = &class.methods[0];
    assert_eq!(method.values, [Entry::Number(0, "Done".to_owned())]);
    let parameters = &method.declared.parameters;
    assert_eq!(parameters.len(), 2);
    assert!(parameters[0].is_array && parameters[0].qualifiers.is("In"));
    assert_eq!(parameters[1].qualifiers.flag("In"), Some(false));
    assert_eq!(parameters[1].kind, DataType::Reference("T_A".to_owned()));
    assert_eq!(class.methods[1].declared.parameters, []);
}

#[test]
fn errors_name_file_and_line() {
    let cases = [
        ("class T_A {\n  uint16 P\n};", "t.mof:4: expected `;`"),
        ("class T_A {\n  bogus P;\n};", "t.mof:3: expected an intrinsic type, or `REF` after a class"),
        ("class T_A {\n  string P = \"open;\n};", "t.mof:3: expected the closing quote"),
        ("class T_A {\n  string P = \"\\q\";\n};", "t.mof:3: expected an escape sequence"),
        ("class T_A {\n  string P = ;\n};", "t.mof:3: expected a constant"),
        (
            "class T_A {};\n\ninstance of T_A {};",
            "t.mof:4: expected a pragma, a qualifier declaration or a class",
        ),
        ("/* open\n", "t.mof:2: expected the end of the comment"),
        ("[Key class T_A {};", "t.mof:2: expected `]`"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected, "{text}");
    }
}

#[test]
fn what_dsp0004_refuses_is_refused() {
    let cases = [
        ("class T_A : T_B {};", "t.mof:2: class T_B is not declared"),
        ("class T_A {};\nclass t_a {};", "t.mof:3: class t_a is declared twice"),
        ("class T_A : T_B {};\nclass T_B : T_A {};", "t.mof:2: class T_A derives from itself"),
        ("class T_A { string P;\nuint8 p; };", "t.mof:3: p is declared twice"),
        ("class T_A { T_B REF P; };", "t.mof:2: class T_B is not declared"),
        ("class T_A {\n[Bogus] string P; };", "t.mof:3: qualifier Bogus is not declared"),
        ("class T_A {\n[Out] string P; };", "t.mof:3: qualifier Out cannot stand at a property"),
        ("class T_A { [Key,\nKEY] string P; };", "t.mof:2: qualifier Key stands there twice"),
        ("class T_A {\n[MaxLen(\"4\")] string P; };", "t.mof:3: the value of MaxLen is of another type"),
        ("class T_A {\n[Description] string P; };", "t.mof:3: the value of Description is of another type"),
        ("class T_A { [Override(\"P\")]\nstring P; };", "t.mof:3: P overrides nothing"),
        (
            "class T_A { string P; };\nclass T_B : T_A {\nstring P; };",
            "t.mof:4: P is inherited, which takes Override",
        ),
        (
            "class T_A { string P; };\nclass T_B : T_A { [Override(\"P\")] uint8 P; };",
            "t.mof:3: P overrides a property of another type",
        ),
        (
            "class T_A { [ValueMap { \"1\", \"2\" }, Values { \"a\" }]\nuint8 P; };",
            "t.mof:3: ValueMap has 2 entries, Values 1",
        ),
        ("class T_A { [ValueMap { \"1\", \"1\" }]\nuint8 P; };", "t.mof:3: ValueMap has 1 twice"),
        ("class T_A { [ValueMap { \"x..\" }]\nuint8 P; };", "t.mof:3: \"x..\" is no number and no range"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected, "{text}");
    }
}

#[test]
fn a_class_needs_one_namespace() {
    let without = Source { name: "a.mof", text: "class T_A {};" };
    let other = Source { name: "b.mof", text: "#pragma namespace (\"root/other\")\nclass T_B {};" };
    let first = Source { name: "c.mof", text: "#pragma namespace (\"root/test\")\nclass T_C {};" };
    assert_eq!(read(&[without]).unwrap_err().to_string(), "a.mof:1: no namespace before the class");
    assert_eq!(
        read(&[first, other]).unwrap_err().to_string(),
        "b.mof:2: root/other is not the namespace of the other classes"
    );
}

#[test]
fn overrides_keep_place_origin_and_what_they_do_not_say() {
    let class = class(
        "class T_C : T_B { [Override(\"Q\"), Key] string Q; };\n\
         class T_B : T_A { boolean R; };\n\
         class T_A { string P; [MaxLen(8), Description(\"d\")] string Q = \"q\"; };\n\
         class T_D : T_C { [Override(\"q\"), Description(\"e\")] string Q; };",
    );
    let names: Vec<_> = class.properties.iter().map(|own| own.declared.name.as_str()).collect();
    assert_eq!(names, ["P", "Q", "R"]);
    let overridden = &class.properties[1];
    assert_eq!(overridden.origin, "T_A");
    assert!(overridden.declared.qualifiers.is("Key"));
    assert_eq!(overridden.declared.qualifiers.text("Description"), Some("e"));
    let length = overridden.declared.qualifiers.get("MaxLen").and_then(|own| own.value.clone());
    assert_eq!(length, Some(Literal::Integer(8)));
    assert_eq!(overridden.declared.default, Some(Literal::Text("q".to_owned())));
    assert_eq!(class.superclass.as_deref(), Some("T_C"));
}

#[test]
fn restricted_qualifiers_stay_and_others_spread() {
    let class = class("[Abstract, Association] class T_A {};\nclass T_B : T_A {};");
    assert!(!class.qualifiers.is("Abstract"));
    assert!(class.qualifiers.is("Association"));
}

#[test]
fn references_may_narrow() {
    let narrowed = class(
        "class T_A {}; class T_B : T_A {}; class T_R { T_A REF P; };\n\
         class T_S : T_R { [Override(\"P\")] T_B REF P; };",
    );
    assert_eq!(narrowed.properties[0].declared.kind, DataType::Reference("T_B".to_owned()));
    let widened = "class T_A {}; class T_B : T_A {}; class T_R { T_B REF P; };\n\
                   class T_S : T_R { [Override(\"P\")] T_A REF P; };";
    assert_eq!(refused(widened), "t.mof:3: P overrides a property of another type");
}

#[test]
fn value_maps_hold_numbers_ranges_and_texts() {
    let class = class(
        "class T_A {\n\
         [ValueMap { \"0x10\", \"-1\", \"..\", \"0x8000..\", \"7..9\" }, Values { \"a\", \"b\", \"c\", \"d\", \"e\" }] sint32 P;\n\
         [Values { \"a\", \"b\" }] uint8 Q;\n\
         [ValueMap { \"x\" }, Values { \"y\" }] string R; };",
    );
    let number = |number, label: &str| Entry::Number(number, label.to_owned());
    let range = |range: &str, label: &str| Entry::Range(range.to_owned(), label.to_owned());
    assert_eq!(
        class.properties[0].values,
        [number(16, "a"), number(-1, "b"), range("..", "c"), range("0x8000..", "d"), range("7..9", "e")]
    );
    assert_eq!(class.properties[1].values, [number(0, "a"), number(1, "b")]);
    assert_eq!(class.properties[2].values, [Entry::Text("x".to_owned(), "y".to_owned())]);
}

#[test]
fn code_is_written() {
    let text = "#pragma namespace (\"root/test\")\n\
                [Abstract] class CIM_A { [ValueMap { \"2\", \"1\", \"3..\", \"4\", \"5\" }, \
                Values { \"1st\", \"An HTTP-thing\", \"More\", \"Unlisted\", \"1st\" }] uint16 StateOfIO; };\n\
                [Description(\"A b.\")] class Msvm_BigThing : CIM_A { [Key] string type; uint32 Go(); };";
    let generated =
        compile(&[Source { name: "q.mof", text: QUALIFIERS }, Source { name: "t.mof", text }]).unwrap();
    assert_eq!(
        generated.classes,
        "mod cim_a {\n\
         enumeration! {\n#[doc = \"Values of `StateOfIO`.\"]\nStateOfIo: u16 {\n\
         AnHttpThing = 1 => \"An HTTP-thing\",\nN1st = 2 => \"1st\",\nUnlisted4 = 4 => \"Unlisted\",\n\
         N1st5 = 5 => \"1st\",\n}\n}\n}\n\n\
         #[doc = \"A b.\"]\npub mod big_thing {\npub use super::cim_a::{StateOfIo};\n\
         class! {\n#[doc = \"A b.\"]\nBigThing = \"Msvm_BigThing\" {\n\
         #[doc = \"`StateOfIO`: `uint16`\"]\nstate_of_io: Option<StateOfIo> = \"StateOfIO\",\n\
         #[doc = \"`type`: `string`\"]\nr#type: Option<String> = \"type\",\n}\n}\n\
         #[doc = \"Go\"]\npub const GO: &str = \"Go\";\n}\n\n"
    );
    assert_eq!(
        generated.tables.lines().last(),
        Some(
            "static VALUES_0: [ValueLabel; 4] = \
             [(1, \"An HTTP-thing\"), (2, \"1st\"), (4, \"Unlisted\"), (5, \"1st\")];"
        )
    );
}
