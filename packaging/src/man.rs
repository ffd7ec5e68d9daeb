//! A manual page from the description of a command line (man(7)).

use lbd_core::cli::Program;

/// The page; `day` stands in its foot.
pub(crate) fn page(program: &Program, version: &str, day: &str) -> String {
    let name = program.name;
    let mut page = format!(
        ".TH {} {} {day} \"lbd {version}\" \"lbd\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n",
        name.to_uppercase(),
        program.section,
        escape(name),
        escape(program.summary)
    );
    for synopsis in program.synopsis {
        page.push_str(&format!(".B {}\n{}\n.br\n", escape(name), escape(synopsis)));
    }
    page.push_str(".SH DESCRIPTION\n");
    for paragraph in program.about {
        page.push_str(&format!("{}\n.PP\n", escape(paragraph)));
    }
    page.push_str(".SH OPTIONS\n");
    for group in &program.groups {
        page.push_str(&format!(".SS {}\n", escape(group.title)));
        for flag in &group.flags {
            item(&mut page, &flag.head(), flag.text);
        }
    }
    for (title, rows) in [
        ("EXIT STATUS", program.exits),
        ("SIGNALS", program.signals),
        ("FILES", program.files),
    ] {
        if !rows.is_empty() {
            page.push_str(&format!(".SH {title}\n"));
        }
        for (word, text) in rows {
            item(&mut page, word, text);
        }
    }
    let others: Vec<_> = program.see_also.iter().map(|other| escape(other)).collect();
    page.push_str(&format!(".SH SEE ALSO\n{}\n", others.join(", ")));
    page
}

fn item(page: &mut String, head: &str, text: &str) {
    page.push_str(&format!(".TP\n.B {}\n{}\n", escape(head), escape(text)));
}

/// Dashes and backslashes as they are, and no line that begins like a request.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.chars().next() {
        Some('.' | '\'') => format!("\\&{text}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests;
