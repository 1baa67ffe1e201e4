//! What a disk does to a server under load, judged as crashes are: by the ledgers of the client and of the bank.
//!
//! Each test has a mount namespace of its own, so that whatever it mounts goes with it. Where the privileges or programs for that are
//! missing it is skipped, and says so.

#![expect(clippy::print_stdout, reason = "what was compared or skipped, and the command that repeats it")]

mod disk;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::crash::{Chance, Moment, World, compare, seed};
use disk::{Bad, Disk};

/// Set in the mount namespace of a test.
const APART: &str = "AGENDUM_APART";
/// The file that a caller wants to read the skipped tests from.
const SKIPPED: &str = "AGENDUM_SKIPPED";

/// How long it may take until an injured disk is felt.
const FELT_WAIT: Duration = Duration::from_secs(20);
/// Changes the outcome of syncs, by the word that comes next.
const STRACE: [&str; 9] =
    ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e"];

/// Plays the test of this name in a mount namespace of its own, if there can be one and these programs are there.
fn apart(test: &str, programs: &[&str], play: impl FnOnce(u64, &mut Chance) -> String) {
    if std::env::var_os(APART).is_some() {
        let (seed, began) = (seed(), Instant::now());
        println!("{test}: cargo xtask faults --seed {seed}");
        let told = play(seed, &mut Chance::new(seed, test));
        println!("{test}: {:.1} s: {told}", began.elapsed().as_secs_f64());
        return;
    }
    let is_there = |program: &&&str| !Command::new("which").arg(program).output().unwrap().status.success();
    if let Some(missing) = programs.iter().find(is_there) {
        return skip(test, &format!("there is no {missing}"));
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--propagation", "private"]);
    let may = Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    match may {
        Ok(said) if said.status.success() => {}
        Ok(said) => return skip(test, String::from_utf8_lossy(&said.stderr).trim()),
        Err(error) => return skip(test, &format!("unshare: {error}")),
    }
    unshare.arg(std::env::current_exe().unwrap()).args(["--exact", &format!("faults::{test}"), "--nocapture"]);
    let said = unshare.env(APART, "1").output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    text.lines().filter(|line| line.starts_with(test)).for_each(|line| println!("{line}"));
    assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
}

fn skip(test: &str, why: &str) {
    println!("skipped: {test}: {why}");
    if let Some(file) = std::env::var_os(SKIPPED) {
        let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
        writeln!(file, "{test}: {why}").unwrap();
    }
}

/// A server under load until some moment, and what happens to its disk then.
fn loaded(world: &mut World, chance: &mut Chance, wrapper: &[&str], injury: impl FnOnce(&mut World)) {
    let before = chance.millis(200, 900);
    world.start(wrapper);
    world.under_load(|world| {
        world.ready();
        std::thread::sleep(before);
        injury(world);
        world.kill();
    });
}

/// A disk that is injured under a server, which goes on for a while after clients have felt it; then it is killed.
fn injure(world: &mut World, chance: &mut Chance, wrapper: &[&str], injury: impl FnOnce()) {
    let after = chance.millis(0, 400);
    loaded(world, chance, wrapper, |world| {
        let served = world.clerk.unserved();
        injury();
        let began = Instant::now();
        while world.clerk.unserved() == served {
            assert!(began.elapsed() < FELT_WAIT, "nobody feels anything of it: {}", world.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(after);
    });
}

fn judged(mut world: World) -> String {
    world.settle();
    compare(&mut world).to_string()
}

/// The power goes this often: what had not reached the disk is gone, the journal of the file system with it.
///
/// It goes for the process as well, and first: a sync that is under way may return when the file system is cut off under it, and
/// whoever has no power tells nobody so.
fn power(world: &mut World, disk: &Disk, cuts: usize, chance: &mut Chance) {
    for _ in 0..cuts {
        let moment = *chance.one(&[Moment::Acknowledged, Moment::Arrived]);
        power_goes(world, disk, chance, &[], |world| moment.wait(world));
    }
}

fn power_goes(world: &mut World, disk: &Disk, chance: &mut Chance, wrapper: &[&str], wait: impl FnOnce(&World)) {
    loaded(world, chance, wrapper, |world| {
        wait(world);
        world.halt();
        disk.cut();
    });
    disk.mount_again();
}

fn power_loss(test: &str, strict: bool) {
    apart(test, &["mkfs.ext4", "perl"], |seed, chance| {
        let disk = Disk::ext4();
        let mut world = World::new(seed, strict, Some(&disk.path("data")));
        power(&mut world, &disk, 2, chance);
        judged(world)
    });
}

#[test]
fn power_loss_takes_nothing_that_was_acknowledged() {
    power_loss("power_loss_takes_nothing_that_was_acknowledged", false);
}

#[test]
fn power_loss_takes_nothing_strict() {
    power_loss("power_loss_takes_nothing_strict", true);
}

/// The test of the tests: a disk that says it has synced what it has not.
#[test]
fn power_loss_on_a_disk_that_lies_is_found_out() {
    let programs = ["mkfs.ext4", "perl", "strace"];
    apart("power_loss_on_a_disk_that_lies_is_found_out", &programs, |seed, chance| {
        let disk = Disk::ext4();
        let mut world = World::new(seed, false, Some(&disk.path("data")));
        let wrapper = [&STRACE[..], &["inject=fsync,fdatasync:retval=0"]].concat();
        power_goes(&mut world, &disk, chance, &wrapper, |world| {
            let began = Instant::now();
            while world.clerk.acknowledged() == 0 {
                assert!(began.elapsed() < FELT_WAIT, "nothing is acknowledged: {}", world.log());
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let acknowledged = world.clerk.acknowledged();
        let found = catch_unwind(AssertUnwindSafe(|| judged(world)));
        assert!(found.is_err(), "what was never synced is said to be there");
        format!("{acknowledged} runs were acknowledged, and that they are gone was found out")
    });
}

#[test]
fn a_failed_sync_begins_a_new_life_and_loses_nothing() {
    apart("a_failed_sync_begins_a_new_life_and_loses_nothing", &["strace"], |seed, chance| {
        let mut world = World::new(seed, false, None);
        // They count for each thread: beyond the 22 that it takes to make the database, only the one that writes comes as far.
        let (first, step) = (40 + chance.below(30), 20 + chance.below(40));
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={first}+{step}");
        let wrapper = [&STRACE[..], &[&inject]].concat();
        injure(&mut world, chance, &wrapper, || {});
        assert!(world.log().contains("opens its journal anew"), "no sync has failed ({inject}): {}", world.log());
        judged(world)
    });
}

#[test]
fn a_full_disk_loses_nothing_and_the_server_comes_back() {
    apart("a_full_disk_loses_nothing_and_the_server_comes_back", &["mount"], |seed, chance| {
        let disk = Disk::tmpfs();
        let mut world = World::new(seed, false, Some(&disk.path("data")));
        injure(&mut world, chance, &[], || disk.fill());
        disk.clear();
        // Once more, and there is room again while the server lives.
        world.start(&[]);
        let (before, full) = (chance.millis(100, 500), chance.millis(50, 600));
        world.under_load(|world| {
            world.ready();
            std::thread::sleep(before);
            disk.fill();
            std::thread::sleep(full);
            disk.clear();
            world.ready();
            std::thread::sleep(before);
            world.kill();
        });
        judged(world)
    });
}

#[test]
fn bad_blocks_lose_nothing() {
    apart("bad_blocks_lose_nothing", &["mkfs.ext4", "nbdkit", "nbdfuse", "fusermount3"], |seed, chance| {
        let bad = Bad::start();
        let disk = Disk::over(&bad);
        let mut world = World::new(seed, false, Some(&disk.path("data")));
        for _ in 0..2 {
            injure(&mut world, chance, &[], || bad.begin());
            bad.end();
            disk.mount_again();
        }
        judged(world)
    });
}
