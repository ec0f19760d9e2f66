//! Small mistakes in the scripts, one at a time.

/// The scripts' files.
const FILES: [(&str, &str); 12] = [
    ("change", include_str!("../../../src/backplane/redis/lua/change.lua")),
    ("claim", include_str!("../../../src/backplane/redis/lua/claim.lua")),
    ("end", include_str!("../../../src/backplane/redis/lua/end.lua")),
    ("heartbeat", include_str!("../../../src/backplane/redis/lua/heartbeat.lua")),
    ("log", include_str!("../../../src/backplane/redis/lua/log.lua")),
    ("moderate", include_str!("../../../src/backplane/redis/lua/moderate.lua")),
    ("page", include_str!("../../../src/backplane/redis/lua/page.lua")),
    ("prelude", include_str!("../../../src/backplane/redis/lua/prelude.lua")),
    ("publish", include_str!("../../../src/backplane/redis/lua/publish.lua")),
    ("read", include_str!("../../../src/backplane/redis/lua/read.lua")),
    ("reap", include_str!("../../../src/backplane/redis/lua/reap.lua")),
    ("sending", include_str!("../../../src/backplane/redis/lua/sending.lua")),
];

/// Operators, and what takes their place.
const OPERATORS: [(&str, &str); 9] = [
    (" == ", " ~= "),
    (" ~= ", " == "),
    (" < ", " <= "),
    (" <= ", " < "),
    (" > ", " >= "),
    (" >= ", " > "),
    (" and ", " or "),
    (" or ", " and "),
    (" + 1", " + 2"),
];

/// One mistake: a line of a file, and what takes its place.
#[derive(Clone, Debug)]
pub struct Mutant {
    file: &'static str,
    source: &'static str,
    line: usize,
    mutated: String,
}

impl Mutant {
    /// All mutants.
    pub fn all() -> Vec<Self> {
        FILES
            .into_iter()
            .flat_map(|(file, source)| {
                let lines = source.lines().enumerate();
                lines.flat_map(move |(line, text)| {
                    mutations(text).into_iter().map(move |mutated| Self { file, source, line, mutated })
                })
            })
            .collect()
    }

    /// The source of a script with this mistake.
    pub fn edit(&self, script: &str) -> String {
        let lines = self.source.lines().enumerate();
        let lines: Vec<&str> = lines.map(|(line, text)| if line == self.line { &self.mutated } else { text }).collect();
        script.replace(self.source, &(lines.join("\n") + "\n"))
    }

    /// The file's name.
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// The file, the text of the line, and what takes its place: the same after lines above were added.
    pub fn name(&self) -> String {
        let text = self.source.lines().nth(self.line).unwrap_or_default().trim();
        format!("{}.lua: {text}  =>  {}", self.file, self.mutated.trim())
    }
}

/// What may take the place of a line.
fn mutations(line: &str) -> Vec<String> {
    let text = line.trim_start();
    if text.is_empty() || text.starts_with("--") {
        return vec![];
    }
    let mut mutations = vec![];
    for keyword in ["if ", "elseif "] {
        let condition = text.strip_prefix(keyword).and_then(|rest| rest.strip_suffix(" then"));
        if let Some(condition) = condition {
            mutations.push(line.replace(condition, "true"));
            mutations.push(line.replace(condition, "false"));
        }
    }
    for (operator, other) in OPERATORS {
        for (place, _) in line.match_indices(operator) {
            mutations.push(format!("{}{other}{}", &line[..place], &line[place + operator.len()..]));
        }
    }
    let is_call = text.ends_with(')') && text.matches('(').count() == text.matches(')').count();
    if is_call && !text.contains(" = ") && !text.starts_with("return") && !text.contains("function") {
        mutations.push(String::new());
    }
    mutations
}
