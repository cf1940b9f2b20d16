//! Where `krb5.conf` lies, and what it includes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::auth::kerberos::{Include, Krb5Conf};

/// Reads the files that `KRB5_CONFIG` names, else those of the system; what cannot be read says nothing.
pub(super) fn read() -> Krb5Conf {
    let mut conf = Krb5Conf::default();
    let mut seen = Vec::new();
    for file in files(std::env::var_os("KRB5_CONFIG")) {
        add(&mut conf, &file, &mut seen);
    }
    conf
}

fn files(variable: Option<OsString>) -> Vec<PathBuf> {
    match variable {
        Some(list) => std::env::split_paths(&list).collect(),
        None => vec![PathBuf::from("/etc/krb5.conf"), PathBuf::from("/usr/local/etc/krb5.conf")],
    }
}

/// Each file is read once, so that inclusions in a circle end.
fn add(conf: &mut Krb5Conf, file: &Path, seen: &mut Vec<PathBuf>) {
    if seen.len() == MOST_FILES || seen.iter().any(|known| known == file) {
        return;
    }
    seen.push(file.to_owned());
    let Ok(text) = std::fs::read(file) else { return };
    for include in conf.add(&String::from_utf8_lossy(&text)) {
        match include {
            Include::File(file) => add(conf, Path::new(&file), seen),
            Include::Folder(folder) => {
                parts(Path::new(&folder)).iter().for_each(|file| add(conf, file, seen))
            }
        }
    }
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_part = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        !name.is_empty() && (name.chars().all(plain) || (name.ends_with(".conf") && !name.starts_with('.')))
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<_> =
        paths.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_part)).collect();
    found.sort();
    found
}

const MOST_FILES: usize = 64;

#[cfg(test)]
mod tests {
    use super::{Krb5Conf, add, files};

    #[test]
    fn inclusions_are_followed_and_end() {
        let folder = std::env::temp_dir().join(format!("hvreplica-krb5-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("d")).unwrap();
        let main = folder.join("krb5.conf");
        let part = "[realms]\nA.TEST = {\nkdc = a\n}\n";
        std::fs::write(folder.join("d/realm.conf"), part).unwrap();
        std::fs::write(folder.join("d/realm.conf~"), part.replace('A', "B")).unwrap();
        let text = format!("include {}\nincludedir {}/d\n", main.display(), folder.display());
        std::fs::write(&main, text).unwrap();
        let mut conf = Krb5Conf::default();
        add(&mut conf, &main, &mut Vec::new());
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(conf.kdcs("A.TEST")[0], "a");
        assert!(conf.kdcs("B.TEST").is_empty());
    }

    #[test]
    fn places() {
        assert_eq!(files(Some("/a:/b".into())), ["/a", "/b"].map(std::path::PathBuf::from));
        assert_eq!(files(None)[0], std::path::Path::new("/etc/krb5.conf"));
    }
}
