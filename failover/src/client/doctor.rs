//! `lbctl doctor`: what would keep this machine from being half of a pair, and how to mend it.
//!
//! What is there is gathered into [`Facts`] first; what is wrong with it is decided from them alone.

mod facts;
mod findings;
mod gather;
mod kernel;

use facts::Facts;
use findings::Finding;

/// Runs the command with the words behind it; false when something was found.
///
/// # Errors
/// When the words are wrong.
pub(super) fn main(words: &[String]) -> Result<bool, String> {
    let is_json = match words {
        [] => false,
        [word] if word == "--json" => true,
        _ => return Err("doctor takes no words but --json".to_owned()),
    };
    let facts = gather::facts();
    let findings = findings::of(&facts);
    if is_json {
        let list: Vec<_> = findings
            .iter()
            .map(|f| serde_json::json!({"area": f.area, "what": f.what, "mend": f.mend}))
            .collect();
        println!("{:#}", serde_json::Value::from(list));
    } else {
        print!("{}", report(&findings, &facts));
    }
    Ok(findings.is_empty())
}

fn report(findings: &[Finding], facts: &Facts) -> String {
    let mut text = String::new();
    for finding in findings {
        text.push_str(&format!("{}: {}\n", finding.area, finding.what));
        text.push_str(&format!("    mend: {}\n", finding.mend));
    }
    if findings.is_empty() {
        text.push_str("nothing is in the way\n");
    }
    text.push_str(&kernel::comparison(&facts.settings));
    text
}

#[cfg(test)]
mod tests;
