use super::page;

#[test]
fn the_page_names_every_flag_of_the_program() {
    for program in crate::layout::programs() {
        let page = page(&program, "1.0", "2026-11-28");
        for flag in program.flags() {
            let head = super::escape(flag.short);
            assert!(
                page.contains(&format!(".B {head}")),
                "{}: {head}",
                program.name
            );
        }
        assert!(page.contains(".SH EXIT STATUS"), "{}", program.name);
    }
}
