//! WQL and object paths.

use hvreplica::cim::Value;
use hvreplica::msvm::SCHEMA;
use hvreplica::simulator::{Fault, Query, QueryError, TARGET};

use hvreplica::wsman::Wql;
use proptest::prelude::*;

use super::{Host, host};

fn names(host: &mut Host, query: &str) -> Vec<String> {
    let answer = host.world.query(query, host.now()).unwrap();
    answer.instances.iter().map(|found| found.text("ElementName").unwrap_or_default().to_owned()).collect()
}

#[test]
fn conditions() {
    let mut host = host(|_| ());
    for (condition, found) in [
        ("ElementName = 'web01'", vec!["web01"]),
        ("elementname = \"WEB01\"", vec!["web01"]),
        (r#"ElementName = 'R&D <test> "q" \'a\' \\b'"#, vec![r#"R&D <test> "q" 'a' \b"#]),
        ("ElementName = 'twin'", vec!["twin", "twin"]),
        ("ElementName = '   '", vec!["   "]),
        ("ElementName LIKE 'repl%'", vec!["replica-extended", "replica-plain"]),
        ("ElementName LIKE '50[%][_]off%'", vec!["50%_off [a-z] ^1"]),
        ("ReplicationState IS NULL", vec!["HVSIM01"]),
        ("NOT ReplicationState IS NOT NULL", vec!["HVSIM01"]),
        ("ReplicationState = NULL", vec!["HVSIM01"]),
        ("ReplicationMode >= 3", vec!["test-replica", "extended-replica"]),
        ("ReplicationMode = '4'", vec!["extended-replica"]),
        ("ReplicationState > 20 AND ReplicationState <> 21", vec!["state-99"]),
        ("(ElementName='paused' OR ElementName='off') AND EnabledState != 2", vec!["off"]),
        ("ElementName='paused' OR ElementName='off' AND EnabledState = 9", vec!["paused"]),
        ("__CLASS ISA 'CIM_System' AND ElementName = 'off'", vec!["off"]),
        ("__THIS ISA 'CIM_Service'", vec![]),
        ("ElementName = 'paused' AND LastReplicationTime > '20261124112000.000000+000'", vec!["paused"]),
        ("ElementName = 'paused' AND LastReplicationTime > '20261124114000.000000+000'", vec![]),
    ] {
        let query = format!("SELECT * FROM Msvm_ComputerSystem WHERE {condition}");
        assert_eq!(names(&mut host, &query), found, "{condition}");
    }
}

#[test]
fn an_undoubled_backslash_is_dropped() {
    let mut host = host(|_| ());
    let guid = host.target_guid();
    let single =
        format!("select * from Msvm_ReplicationRelationship where InstanceID='Microsoft:{guid}\\HVR\\0'");
    assert_eq!(names(&mut host, &single), Vec::<String>::new());
    assert_eq!(names(&mut host, &single.replace('\\', "\\\\")), [TARGET]);
}

#[test]
fn projections_have_no_class_and_only_what_was_asked_for() {
    let mut host = host(|_| ());
    let query = "SELECT Name, elementname FROM Msvm_ComputerSystem WHERE ElementName = 'web01'";
    let answer = host.world.query(query, host.now()).unwrap();
    assert!(answer.is_projection);
    let [found] = answer.instances.as_slice() else { panic!("one machine") };
    assert_eq!(found.class, "");
    let expected =
        [("ElementName".into(), Value::from(TARGET)), ("Name".into(), Value::from(host.target_guid()))];
    assert_eq!(found.properties, expected);
}

#[test]
fn associations_are_walked() {
    let mut host = host(|_| ());
    let (_, job) = host.resynchronize(TARGET, Value::Null);
    let job = job.unwrap();
    let guid = host.target_guid();
    let vm = format!("Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='{guid}'");
    let classes = |host: &mut Host, query: &str| -> Vec<String> {
        let answer = host.world.query(query, host.now()).unwrap();
        answer.instances.iter().map(|found| found.class.to_string()).collect()
    };
    for (query, found) in [
        (
            format!(
                "ASSOCIATORS OF {{{vm}}} WHERE AssocClass=Msvm_AffectedJobElement ResultClass=Msvm_ConcreteJob"
            ),
            vec!["Msvm_ConcreteJob"],
        ),
        (
            format!("associators of {{{vm}}} where ResultClass = CIM_SettingData Role = ManagedElement"),
            vec!["Msvm_ReplicationSettingData", "Msvm_VirtualSystemSettingData"],
        ),
        (
            format!(
                "ASSOCIATORS OF {{{vm}}} WHERE AssocClass=Msvm_AffectedJobElement ResultRole=AffectedElement"
            ),
            vec![],
        ),
        (
            format!("REFERENCES OF {{{vm}}} WHERE ResultClass=CIM_Dependency Role=Antecedent"),
            vec![
                "Msvm_SystemReplicationRelationship",
                "Msvm_SnapshotOfVirtualSystem",
                "Msvm_SnapshotOfVirtualSystem",
                "Msvm_SnapshotOfVirtualSystem",
            ],
        ),
        (
            format!("ASSOCIATORS OF {{Msvm_ConcreteJob=\"{}\"}}", job.selector("InstanceID").unwrap()),
            vec!["Msvm_ComputerSystem"],
        ),
        (
            format!(
                "ASSOCIATORS OF {{\\\\HVSIM01\\root\\virtualization\\v2:Msvm_ReplicationRelationship.InstanceID=\"Microsoft:{guid}\\\\HVR\\\\0\"}}"
            ),
            vec!["Msvm_ComputerSystem", "Msvm_ReplicationSettingData"],
        ),
    ] {
        assert_eq!(classes(&mut host, &query), found, "{query}");
    }
    let gone = format!("ASSOCIATORS OF {{{}}}", vm.replace(&guid, "00000000-0000-4000-8000-000000000000"));
    assert_eq!(host.world.query(&gone, host.now()), Err(Fault::NotFound));
}

#[test]
fn what_is_wrong_with_a_query_is_named() {
    let error = |query: &str| Query::parse(query, SCHEMA).unwrap_err();
    let unexpected = |expected, found: &str| QueryError::Unexpected { expected, found: found.to_owned() };
    let class = "Msvm_ComputerSystem";
    assert_eq!(error(""), QueryError::Unfinished { expected: "SELECT" });
    assert_eq!(error("DELETE x"), unexpected("SELECT", "DELETE"));
    assert_eq!(error("SELECT * FROM Nothing"), QueryError::UnknownClass("Nothing".to_owned()));
    let unknown = |property: &str| QueryError::UnknownProperty { class, property: property.to_owned() };
    assert_eq!(error("SELECT Nothing FROM Msvm_ComputerSystem"), unknown("Nothing"));
    assert_eq!(error("SELECT * FROM Msvm_ComputerSystem WHERE Nothing = 1"), unknown("Nothing"));
    let with = |condition: &str| error(&format!("SELECT * FROM Msvm_ComputerSystem WHERE {condition}"));
    assert_eq!(with("OperationalStatus = 2"), QueryError::ArrayInCondition("OperationalStatus"));
    assert_eq!(with("Name = 'a"), QueryError::Unclosed);
    assert_eq!(with("Name = 'a\\"), QueryError::Unclosed);
    assert_eq!(with("Name ="), QueryError::Unfinished { expected: "a literal" });
    assert_eq!(with("Name = a"), unexpected("a literal", "a"));
    assert_eq!(with("(Name = 'a'"), QueryError::Unfinished { expected: ")" });
    assert_eq!(with("Name = 'a' Name"), unexpected("the end of the query", "Name"));
    assert_eq!(with("Name = 'a' # b"), QueryError::Character('#'));
    assert_eq!(with("EnabledState = -"), unexpected("a whole number", "-"));
    assert_eq!(with(&"(".repeat(100_000)), QueryError::TooDeep);
    assert_eq!(with(&"NOT ".repeat(100_000)), QueryError::TooDeep);
    assert_eq!(error("ASSOCIATORS OF {Msvm_ComputerSystem=\"x\"}"), QueryError::ObjectPath);
    assert_eq!(error("ASSOCIATORS OF {root\\cimv2:Msvm_ConcreteJob=\"x\"}"), QueryError::ObjectPath);
    assert_eq!(error("ASSOCIATORS OF {Msvm_ConcreteJob=\"x"), QueryError::Unclosed);
    let clause = QueryError::Clause("ClassDefsOnly".to_owned());
    assert_eq!(error("ASSOCIATORS OF {Msvm_ConcreteJob=\"x\"} WHERE ClassDefsOnly"), clause);
}

#[test]
fn every_machine_is_found_by_its_quoted_name() {
    let mut host = host(|_| ());
    let machines: Vec<_> = host.world.machines().map(|machine| machine.name.clone()).collect();
    for name in machines {
        let query = Wql::select("Msvm_ComputerSystem").equals("ElementName", &name).to_string();
        let found = names(&mut host, &query);
        assert!(!found.is_empty() && found.iter().all(|own| *own == name), "{name}: {found:?}");
    }
}

proptest! {
    #[test]
    fn no_text_upsets_the_parser(text in "\\PC*") {
        let _ = Query::parse(&text, SCHEMA);
        let _ = Query::parse(&format!("SELECT * FROM Msvm_ComputerSystem WHERE {text}"), SCHEMA);
        let _ = Query::parse(&format!("ASSOCIATORS OF {{{text}}} WHERE {text}"), SCHEMA);
    }

    #[test]
    fn a_quoted_literal_finds_itself(text in "\\PC*") {
        let query = Wql::select("Msvm_ComputerSystem").equals("ElementName", &text).to_string();
        let Ok(Query::Select(select)) = Query::parse(&query, SCHEMA) else { panic!("{query}") };
        let instance = hvreplica::cim::Instance::new("Msvm_ComputerSystem", "").with("ElementName", text.clone());
        prop_assert!(select.admits(&instance, SCHEMA));
        let other = hvreplica::cim::Instance::new("Msvm_ComputerSystem", "").with("ElementName", format!("{text}x"));
        prop_assert!(!select.admits(&other, SCHEMA));
    }
}
