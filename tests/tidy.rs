//! The rules that no compiler checks: who may import whom, how long a file may be, what must be the same in two places.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use kafka_error_retry::domain::ErrorCode;

/// A file of this repository.
struct Source {
    /// From the root, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }

    /// Lines of Rust or TypeScript without comments, numbered from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_comment = |line: &str| ["//", "/*", "* ", "*/"].iter().any(|mark| line.trim_start().starts_with(mark));
        (1..).zip(self.text.lines()).filter(move |(_, line)| !is_comment(line))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read_all(folder: &str, endings: &[&str]) -> Vec<Source> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| path.extension().is_some_and(|found| found == *ending)) {
                found.push(read(&path));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has files");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn read(path: &Path) -> Source {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let path = path.strip_prefix(root()).unwrap().components().map(|part| part.as_os_str().to_str().unwrap().to_owned());
    Source { path: path.collect::<Vec<_>>().join("/"), text }
}

/// What git knows. Outside a repository there is nothing to check.
fn tracked() -> Vec<Source> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let listed = listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned()).unwrap_or_default();
    let is_there = |path: &PathBuf| path.is_file();
    listed.split_terminator('\0').map(|path| root().join(path)).filter(is_there).map(|path| read(&path)).collect()
}

fn none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n  {}", findings.join("\n  "));
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What follows every `before` that is not the end of a longer word, as far as it is one word.
fn words_after<'a>(line: &'a str, before: &str) -> Vec<&'a str> {
    let begins = |at: usize| !line[..at].ends_with(is_word);
    let word = |at: usize| line[at..].split(|c| !is_word(c)).next().unwrap();
    line.match_indices(before).filter(|(at, _)| begins(*at)).map(|(at, _)| word(at + before.len())).collect()
}

/// The layers from below: module, and what it may import of this crate beside itself. The Layout table of `src/lib.rs`
/// says the same.
const LAYERS: [(&str, &[&str]); 11] = [
    ("domain", &[]),
    ("ports", &["domain"]),
    ("fault", &["domain"]),
    ("flows", &["domain", "ports", "fault"]),
    ("store", &["domain", "ports", "fault"]),
    ("kafka", &["domain", "ports", "fault"]),
    ("clock", &["domain", "ports"]),
    ("journal", &["domain", "ports"]),
    ("cron", &["domain", "ports"]),
    ("runtime", &["domain", "ports", "flows", "store", "kafka", "clock", "journal", "cron", "fault"]),
    ("binding", &["domain", "flows", "runtime"]),
];

/// Imports that break the table and are known: file, module, what has to change. One that is gone must go here too.
const KNOWN: [(&str, &str, &str); 6] = [
    ("src/binding/dto.rs", "ports", "`Stored` belongs to the values of `domain`"),
    ("src/binding/handler.rs", "clock", "the runtime's handler should make the reporter"),
    ("src/binding/mock.rs", "kafka", "the mock cluster is not reached through the runtime"),
    ("src/binding/operate.rs", "ports", "`Store` is used because the runtime's handler has no operator's calls"),
    ("src/binding/options.rs", "cron", "the rule should be parsed by the runtime"),
    ("src/binding/options.rs", "kafka", "the pass-through list should be checked by the runtime, or be a value of `domain`"),
];

/// Crates of one layer only: the crate, and where it may be named.
const CRATES: [(&str, &[&str]); 10] = [
    ("sqlx", &["store"]),
    ("rdkafka", &["kafka"]),
    ("rdkafka_sys", &["kafka"]),
    ("napi", &["binding"]),
    ("napi_derive", &["binding"]),
    ("tokio_cron_scheduler", &["cron"]),
    ("croner", &["cron"]),
    ("fastrand", &["clock"]),
    ("getrandom", &["clock"]),
    ("tokio", &["fault", "flows", "store", "kafka", "cron", "runtime", "binding"]),
];

fn layer(source: &Source) -> String {
    let inside = source.path.strip_prefix("src/").unwrap();
    inside.split('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

#[test]
fn every_module_imports_only_what_the_layout_allows() {
    let layers: BTreeMap<_, _> = LAYERS.into_iter().collect();
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    for source in read_all("src", &["rs"]).iter().filter(|source| source.path != "src/lib.rs") {
        let layer = layer(source);
        let allowed = layers.get(layer.as_str()).unwrap_or_else(|| panic!("{} is in no layer", source.path));
        for (number, line) in source.code() {
            if line.contains("super::super") {
                found.push(format!("{}:{number} climbs out of its module, which this test cannot follow", source.path));
            }
            for module in words_after(line, "crate::") {
                if module.is_empty() {
                    found.push(format!("{}:{number} names several modules at once, which this test cannot read", source.path));
                } else if module.chars().all(char::is_lowercase) && module != layer && !allowed.contains(&module) {
                    match KNOWN.iter().position(|(file, of, _)| *file == source.path && *of == module) {
                        Some(position) => drop(known.insert(position)),
                        None => found.push(format!("{}:{number} imports {module}: {}", source.path, line.trim())),
                    }
                }
            }
        }
    }
    none("imports against the table", &found);
    let healed: Vec<_> =
        (0..KNOWN.len()).filter(|position| !known.contains(position)).map(|position| KNOWN[position].0.into()).collect();
    none("known violations that are gone and must be taken off the list", &healed);
}

#[test]
fn the_layout_in_the_documentation_is_the_one_that_is_checked() {
    let text = read(&root().join("src/lib.rs")).text;
    let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in text.lines().filter_map(|line| line.strip_prefix("//! | ")).filter(|row| row.contains('`')) {
        let cells: Vec<_> = row.split('|').collect();
        let above: BTreeSet<_> = documented.keys().cloned().collect();
        let may_import = if cells[2].contains("all of the above") { above } else { ticked(cells[2]).into_iter().collect() };
        documented.extend(ticked(cells[0]).into_iter().map(|module| (module, may_import.clone())));
    }
    let names = |modules: &[&str]| modules.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let checked: BTreeMap<_, _> = LAYERS.iter().map(|(layer, allowed)| ((*layer).to_owned(), names(allowed))).collect();
    assert_eq!(documented, checked);
}

fn ticked(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_foreign_crate_stays_in_its_layer() {
    let mut found = Vec::new();
    for source in read_all("src", &["rs"]).iter().filter(|source| !source.name().ends_with("_tests.rs")) {
        let layer = layer(source);
        for (name, homes) in CRATES.iter().filter(|(_, homes)| !homes.contains(&layer.as_str())) {
            let path = format!("{name}::");
            for (number, line) in source.code().filter(|(_, line)| !words_after(line, &path).is_empty()) {
                found.push(format!("{}:{number} names {name}, which belongs to {homes:?}: {}", source.path, line.trim()));
            }
        }
    }
    none("crates outside their layer", &found);
}

#[test]
fn databases_do_not_know_each_other() {
    let databases = ["memory", "sqlite", "mysql", "postgres"];
    let mut found = Vec::new();
    for source in read_all("src/store", &["rs"]) {
        let own = source.path.trim_start_matches("src/store/").trim_end_matches(".rs");
        if ["mod", "open"].contains(&own) {
            continue;
        }
        for (number, line) in source.code() {
            let named = ["super::", "store::"].iter().flat_map(|path| words_after(line, path));
            let strangers = named.filter(|name| databases.contains(name) && *name != own);
            found.extend(strangers.map(|name| format!("{}:{number} knows {name}", source.path)));
        }
    }
    none("stores that import each other", &found);
}

#[test]
fn unchecked_sql_is_only_made_in_the_stores() {
    let is_outside = |source: &&Source| !source.path.starts_with("src/store/");
    let sources = read_all("src", &["rs"]);
    let found: Vec<_> = sources.iter().filter(is_outside).filter(|source| source.text.contains("AssertSqlSafe")).collect();
    none("SQL outside the stores", &found.iter().map(|source| source.path.clone()).collect::<Vec<_>>());
}

#[test]
fn the_domain_is_the_same_in_every_build_and_asks_nobody_for_the_time() {
    let mut found = Vec::new();
    for source in read_all("src/domain", &["rs"]) {
        for forbidden in ["cfg(feature", "SystemTime", "Instant", "std::fs", "std::net::Tcp", "std::env", "async fn"] {
            for (number, _) in source.code().filter(|(_, line)| line.contains(forbidden)) {
                found.push(format!("{}:{number} has {forbidden}", source.path));
            }
        }
    }
    none("impurities of the domain", &found);
}

#[test]
fn typescript_imports_node_and_itself_and_one_file_the_native_half() {
    let mut found = Vec::new();
    for source in read_all("ts", &["ts", "mts"]) {
        for (number, line) in source.code() {
            for target in targets(line) {
                let is_native = target.ends_with("/native.js");
                let is_fine = if is_native {
                    source.path == "ts/native.ts" || (source.path == "ts/index.mts" && !target.starts_with(".."))
                } else {
                    target.starts_with("node:") || target.starts_with("./") || target.starts_with("../")
                };
                if !is_fine {
                    found.push(format!("{}:{number} imports {target}", source.path));
                }
            }
        }
    }
    none("imports against the table", &found);
}

/// What a line of TypeScript imports.
fn targets(line: &str) -> Vec<&str> {
    let quoted = |after: &str| {
        let at = line.find(after)? + after.len();
        let quote = line[at..].chars().next().filter(|c| ['\'', '"'].contains(c))?;
        line[at + 1..].split(quote).next()
    };
    ["from ", "import ", "import(", "require("].into_iter().filter_map(quoted).collect()
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let mut found = Vec::new();
    for source in read_all("src", &["rs"]).into_iter().chain(read_all("ts", &["ts", "mts"])) {
        let lines = source.text.lines().count();
        if lines > 400 && !source.name().ends_with("_tests.rs") {
            found.push(format!("{} has {lines}", source.path));
        }
    }
    none("files of more than 400 lines", &found);
}

#[test]
fn no_file_is_named_after_nothing() {
    let banned =
        ["util", "utils", "helper", "helpers", "common", "types", "models", "manager", "service", "base", "impl", "attorney"];
    let mut found = Vec::new();
    for folder in ["src", "ts", "tests", "__test__", "scripts"] {
        // A suite is named after what it tests, which may be the types.
        for source in read_all(folder, &["rs", "ts", "mts", "js", "mjs"]).iter().filter(|source| !source.name().contains(".spec"))
        {
            let names = source.path.split('/').map(|part| part.split('.').next().unwrap());
            // In the library no part of a name may say nothing either.
            let is_library = ["src", "ts"].contains(&folder);
            let names = names.flat_map(|name| if is_library { name.split(['-', '_']).collect() } else { vec![name] });
            found.extend(names.filter(|name| banned.contains(name)).map(|name| format!("{}: {name}", source.path)));
        }
    }
    none("names that say nothing", &found);
}

#[test]
fn nothing_is_left_to_do_in_the_sources() {
    let marks = ["TODO", "FIXME", "XXX", "unimplemented!", "todo!"];
    let mut found = Vec::new();
    for folder in ["src", "ts", "tests", "__test__", "scripts", "migrations"] {
        for source in read_all(folder, &["rs", "ts", "mts", "js", "mjs", "sql"]) {
            if source.path == "tests/tidy.rs" {
                continue;
            }
            // One of them is a word of the test protocol.
            for (number, line) in (1..).zip(source.text.lines()).filter(|(_, line)| !line.contains("(SKIP|TODO)")) {
                found.extend(
                    marks.iter().filter(|mark| line.contains(**mark)).map(|mark| format!("{}:{number} {mark}", source.path)),
                );
            }
        }
    }
    none("unfinished work", &found);
}

#[test]
fn migrations_have_the_same_numbers_and_the_same_columns_in_the_same_order() {
    let folders = ["mysql", "postgres", "sqlite"].map(|database| {
        let files = read_all(&format!("migrations/{database}"), &["sql"]);
        files.into_iter().map(|file| (file.name().to_owned(), columns(&file.text))).collect::<BTreeMap<_, _>>()
    });
    assert!(folders[0].values().next().unwrap()["{entry}"].len() > 20, "the columns are found: {:?}", folders[0]);
    assert_eq!(folders[0], folders[1], "mysql and postgres");
    assert_eq!(folders[0], folders[2], "mysql and sqlite");
    for (position, name) in folders[0].keys().enumerate() {
        assert!(name.starts_with(&format!("{:04}_", position + 1)), "{name} is number {}", position + 1);
    }
}

/// The columns of every table that a migration makes or alters.
fn columns(sql: &str) -> BTreeMap<String, Vec<String>> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut table = None;
    for line in sql.lines() {
        let words: Vec<_> = line.split([' ', '(', ',', ';']).filter(|word| !word.is_empty()).collect();
        let no_column = ["PRIMARY", "UNIQUE", "KEY", "INDEX", "CONSTRAINT", "CREATE", "--"];
        match words.as_slice() {
            ["CREATE", "TABLE", rest @ ..] => table = rest.iter().find(|word| word.starts_with('{')).map(ToString::to_string),
            ["ALTER", "TABLE", name, "ADD", rest @ ..] => {
                let column = rest.iter().find(|word| !["COLUMN", "IF", "NOT", "EXISTS"].contains(word)).unwrap();
                tables.entry((*name).to_string()).or_default().push((*column).to_string());
            }
            [first, ..] if line.starts_with("    ") && !no_column.contains(first) => {
                let table = table.clone().expect("a column stands in a table");
                tables.entry(table).or_default().push((*first).to_string());
            }
            _ => {}
        }
    }
    tables
}

#[test]
fn every_error_code_has_its_class_in_typescript() {
    let typescript = read(&root().join("ts/errors.ts")).text;
    let rust = read(&root().join("src/domain/error.rs")).text;
    for code in ErrorCode::ALL {
        let text = code.as_str();
        let row = |line: &&str| line.trim_start().starts_with(&format!("{text}: {{"));
        let row = typescript.lines().find(row).unwrap_or_else(|| panic!("{text} has no class in ts/errors.ts"));
        assert!(row.contains(&format!("retriable: {} ", code.is_retriable())), "{text} is as retriable there: {row}");
        assert!(typescript.contains(&format!("| '{text}'")), "{text} is in the type of all codes");
        // The line of documentation above the code names the class.
        let lines: Vec<_> = rust.lines().collect();
        let declared = lines.iter().position(|line| line.contains(&format!("= \"{text}\","))).expect("the code is declared");
        let class = ticked(lines[declared - 1]).pop().unwrap_or_else(|| panic!("{text} does not say its class"));
        assert!(row.contains(&format!("class: {class},")), "{text} is a {class}: {row}");
    }
    let rows = typescript.lines().filter(|line| line.trim_start().starts_with("KER_")).count();
    assert_eq!(rows, ErrorCode::ALL.len(), "no code is in TypeScript alone");
}

#[test]
fn tracked_files_name_no_machine_and_no_registry() {
    let machines = ["/root/", "/work/", "/Users/", "/home/", "C:\\Users\\"];
    // In two halves, so that this file does not name them either.
    let registries = [
        ["registry.", "npmjs"],
        ["registry.", "yarnpkg"],
        ["npm", "mirror"],
        ["static.", "crates"],
        ["index.", "crates"],
        ["repo.", "maven"],
        ["repo1.", "maven"],
        ["arti", "factory"],
        ["nexus", "."],
    ]
    .map(|halves| halves.concat());
    let mut found = Vec::new();
    // The lock file of Cargo names its registry by Cargo's own convention.
    for source in tracked().iter().filter(|source| !["Cargo.lock", "tests/tidy.rs"].contains(&source.path.as_str())) {
        for (number, line) in (1..).zip(source.text.lines()) {
            let path = |name: &&&str| {
                line.match_indices(**name).any(|(at, _)| !line[..at].ends_with(|c: char| is_word(c) || "./}*".contains(c)))
            };
            let named = machines
                .iter()
                .filter(path)
                .copied()
                .chain(registries.iter().map(String::as_str).filter(|name| line.contains(*name)));
            found.extend(named.map(|name| format!("{}:{number} names {name}", source.path)));
        }
    }
    none("machines and registries", &found);
}
