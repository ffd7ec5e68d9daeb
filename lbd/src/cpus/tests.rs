use super::*;

fn cpu_of(number: u16, is_usable: bool) -> Cpu {
    Cpu {
        number,
        is_usable,
        package: 0,
        node: 0,
        caches: [number, number, 0],
        core: number,
        capacity: 1024,
    }
}

#[test]
fn lists_of_the_kernel_are_read_and_written() {
    assert_eq!(numbers("0-3,6"), [0, 1, 2, 3, 6]);
    assert_eq!(numbers(""), [0u16; 0]);
    assert_eq!(ranges(&[6, 0, 1, 2, 3]), "0-3,6");
}

#[test]
fn cpus_that_may_not_be_used_are_marked() {
    let mut out = String::new();
    list(&[cpu_of(0, false), cpu_of(1, true)], &mut out);
    assert_eq!(
        out,
        "[----] cpu=  0 pk=00 no=00 cl=000(000) l3=000 l2=00 l1=00 ts=000 capa=1024\n\
         [keep] cpu=  1 pk=00 no=00 cl=000(000) l3=000 l2=01 l1=01 ts=001 capa=1024\n\
         CPU clusters:\n    0  cpus=  1 cores=  1 capa=1024\n"
    );
}

#[test]
fn workers_with_the_same_cpus_share_a_line() {
    let cpus = [cpu_of(0, true), cpu_of(1, true)];
    let map = BTreeMap::from([(3, vec![1])]);
    let mut out = String::new();
    bindings(&cpus, 3, &map, &mut out);
    assert_eq!(
        out,
        "Thread CPU Bindings:\n  Tgrp/Thr  Tid        CPU set\n  \
         1/1-2     1-2        2: 0-1\n  1/3       3          1: 1\n\n"
    );
}
