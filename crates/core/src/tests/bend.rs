//! What a target has read bends the order of tenants, within a bound.

use std::collections::BTreeMap;

use insta::assert_snapshot;

use super::dialogue;

/// Two conversations, of two tenants, on a target that remembers them; then this.
fn after(policy: &str, scenario: &str) -> String {
    dialogue(&format!(
        "policy hedge=0 {policy}\ntargets t=1:call=1c:remembers=81920\nsay a input=8192\n{}{}{scenario}",
        talk(101, "acme", "abc"),
        talk(102, "best", "xyz"),
    ))
}

/// What was sent from r1 on, and what is told of the last.
fn sent(told: &str) -> String {
    let from = told.lines().position(|line| line.contains("dispatch r1/")).unwrap();
    let shown = |line: &&str| line.contains("dispatch") || line.contains("balanced");
    told.lines().skip(from).filter(shown).map(str::trim).collect::<Vec<_>>().join("\n")
}

/// A call of a tenant that begins so and has ended.
fn talk(run: u32, tenant: &str, begins: &str) -> String {
    format!("say a begins={begins}\nsubmit r{run} tenant={tenant} a reads=inputs\nwait 1s\nok r{run}/a\n")
}

#[test]
fn who_goes_on_goes_before_who_has_had_less() {
    let scenario = "
        submit r1 tenant=acme v
        say a begins=uvw
        submit r2 tenant=acme a reads=inputs
        say a begins=xyzw
        submit r3 tenant=best a reads=inputs
        say a begins=xyzv
        submit r4 tenant=best a reads=inputs
        drain 1s
        attempts r4
    ";
    let order = |policy: &str| sent(&after(policy, scenario));
    assert_snapshot!(order("quantum=0"), @"
    2000ms dispatch r1/v#1 on t
    3000ms dispatch r3/a#1 on t
    4000ms dispatch r2/a#1 on t
    5000ms dispatch r4/a#1 on t
    6000ms     balanced gittins 2s, 2 ahead, 0 behind
    ");
    assert_snapshot!(order("quantum=1"), @"
    2000ms dispatch r1/v#1 on t
    3000ms dispatch r3/a#1 on t
    4000ms dispatch r4/a#1 on t
    5000ms dispatch r2/a#1 on t
    6000ms     balanced gittins 2s, near, 1 ahead, 1 behind
    ");
    assert_snapshot!(order("quantum=3"), @"
    2000ms dispatch r1/v#1 on t
    3000ms dispatch r3/a#1 on t
    4000ms dispatch r4/a#1 on t
    5000ms dispatch r2/a#1 on t
    6000ms     balanced gittins 2s, near, 1 ahead, 1 behind
    ");
}

/// Whoever waits is passed by no tenant that has had more than so many attempts more: whatever was read, and for however long. `close` goes on with what was
/// read, `far` begins anew each time.
#[test]
fn nobody_is_passed_for_more_than_the_quantum() {
    for (quantum, tenants) in [(0, 2), (1, 2), (2, 3), (5, 2), (5, 4), (40, 3)] {
        let mut lines =
            format!("policy hedge=0 quantum={quantum}\ntargets t=1:call=1c:remembers=819200\nsay a input=8192\n");
        lines += &talk(1, "close0", "abc");
        let mut run = 1;
        for round in 0..30_u8 {
            for tenant in 0..tenants {
                run += 1;
                let (name, begins) = if tenant + 1 < tenants {
                    (format!("close{tenant}"), format!("abc{}", char::from(b'd' + (round + tenant) % 20)))
                } else {
                    ("far".to_owned(), char::from(b'A' + round).to_string())
                };
                lines += &format!("say a begins={begins}\nsubmit r{run} tenant={name} a reads=inputs\n");
            }
        }
        lines += "drain 1s";
        let mut had: BTreeMap<u32, i64> = BTreeMap::new();
        let mut behind_most = 0;
        let told = dialogue(&lines);
        let runs = told.lines().filter_map(|line| line.split_once("dispatch r")?.1.split_once('/')?.0.parse().ok());
        for number in runs.collect::<Vec<u32>>() {
            let tenant = if number == 1 { 0 } else { (number - 2) % u32::from(tenants) };
            *had.entry(tenant).or_default() += 1;
            let far = u32::from(tenants) - 1;
            let own = had.get(&far).copied().unwrap_or_default();
            if own < 30 {
                behind_most = behind_most.max(had.values().copied().max().unwrap_or_default() - own);
            }
        }
        let whole = i64::from(quantum).min(30);
        assert!(behind_most <= whole + 2, "{quantum} of {tenants}: {behind_most} behind");
        assert!(behind_most > whole / 2, "{quantum} of {tenants}: {behind_most} behind, and it is not bent");
    }
}

/// Of one tenant: three calls wait, the last of which goes on with what was read; then this.
fn of_one(policy: &str, first: &str, more: &str) -> String {
    let told = after(
        policy,
        &format!(
            "submit r1 v\nsay a begins=uvw\nsubmit r2 a reads=inputs{first}\nsay a begins=pqr\nsubmit r3 a reads=inputs
            say a begins=abcd\nsubmit r4 a reads=inputs\n{more}drain 1s\nattempts r4"
        ),
    );
    sent(&told).split_once('\n').unwrap().1.to_owned()
}

#[test]
fn of_a_tenants_own_tasks_the_one_that_goes_on_goes_before_the_first() {
    assert_snapshot!(of_one("quantum=0", "", ""), @"
    3000ms dispatch r2/a#1 on t
    4000ms dispatch r3/a#1 on t
    5000ms dispatch r4/a#1 on t
    6000ms     balanced gittins 2s, 2 ahead, 0 behind
    ");
    assert_snapshot!(of_one("quantum=1", "", ""), @"
    3000ms dispatch r4/a#1 on t
    4000ms dispatch r2/a#1 on t
    5000ms dispatch r3/a#1 on t
    6000ms     balanced gittins 2s, near, 0 ahead, 2 behind
    ");
    // The first has a time by which it must be over.
    assert_snapshot!(of_one("quantum=1", " within=60m", ""), @"
    3000ms dispatch r2/a#1 on t
    4000ms dispatch r4/a#1 on t
    5000ms dispatch r3/a#1 on t
    6000ms     balanced gittins 2s, near, 1 ahead, 1 behind
    ");
}

#[test]
fn the_first_is_passed_as_often_as_the_quantum_says() {
    let more: String = (5..12).map(|run| format!("say a begins=abc{run}\nsubmit r{run} a reads=inputs\n")).collect();
    assert_snapshot!(of_one("quantum=3", "", &more), @"
    3000ms dispatch r4/a#1 on t
    4000ms dispatch r5/a#1 on t
    5000ms dispatch r6/a#1 on t
    6000ms dispatch r2/a#1 on t
    7000ms dispatch r7/a#1 on t
    8000ms dispatch r8/a#1 on t
    9000ms dispatch r9/a#1 on t
    10000ms dispatch r3/a#1 on t
    11000ms dispatch r10/a#1 on t
    12000ms dispatch r11/a#1 on t
    13000ms     balanced gittins 2s, near, 0 ahead, 9 behind
    ");
}
