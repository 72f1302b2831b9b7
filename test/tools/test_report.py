"""tools/pagestall report: what a page says of made-up runs."""

import re

import pytest

from made_pages import around, article, dots, headings, lookups, plain, remedies, report, rows, said
from made_pages import scan
from made_runs import ROW, failure, repetitions, write_run


def test_first_sentence_says_that_it_blocks_and_how_sure_that_is(scratch):
    answer = said(report(scratch, *article()))
    assert answer.startswith("Yes. Cold mmap in 8 coroutines on one thread put the thread to sleep")
    assert "for 900 of a scan's 1000 ms, 90 % of the time (95 % interval 8" in answer
    assert "Nothing else ran there for up to 950 ms at a time." in answer
    assert "6 repetitions of this row" in answer


def test_share_of_time_blocked_is_that_of_each_scan(scratch):
    seconds, noise = [1, 2, 4, 1, 2, 4], [0.9, 0.91, 0.89, 0.92, 0.88, 0.9]
    blocked_ms = [one * share * 1e3 for one, share in zip(seconds, noise)]
    answer = said(report(scratch, scan("async", "mmap", "cold", seconds, 950, blocked_ms)))
    found = re.search(r" 90 % of the time \(95 % interval (\d+) to (\d+) %", answer)
    low, high = map(int, found.groups())
    assert 88 <= low <= 90 <= high <= 92


def test_share_of_time_blocked_is_at_most_all_of_it(scratch):
    blocked_ms = [1, 900, 1100, 1e9, 2000, 3000]
    answer = said(report(scratch, scan("async", "mmap", "cold", [1] * 6, 950, blocked_ms)))
    assert "100 % of the time" in answer
    assert "to 100 %)" in answer


def test_answer_of_the_article_says_what_it_can_and_what_to_run(scratch):
    answer = said(report(scratch, *article()))
    assert "Use read. Cold read takes 0.9 s" in answer
    assert answer.count("tools/run remedies") == 1
    alone = said(report(scratch, scan("async", "mmap", "cold", around(1), 950, 900)))
    assert "It measures what to use instead: tools/run remedies" in alone


def test_answer_of_the_remedies_names_one(scratch):
    answer = said(report(scratch, *remedies()))
    assert answer.startswith("Yes.")
    assert "Use mmap_awaited. Cold mmap_awaited takes 0.8 s" in answer
    assert "tools/run" not in answer


def test_too_few_repetitions_are_no_answer(scratch):
    answer = said(report(scratch, *article(count=4)))
    assert answer.startswith("Too little data.")
    assert "of 4 repetitions: it takes 5" in answer


def test_hazard_that_is_absent_is_said_to_be(scratch):
    answer = said(report(scratch, *article(blocked_ms=0.01)))
    assert answer.startswith("No, not measurably.")
    assert "warm, stall p99 is 36.0 ms" in answer


@pytest.mark.parametrize(("seconds", "blocked_ms"), [(0.01, 0.5), (1, 5)])
def test_hazard_has_to_count_both_in_time_and_as_a_share(scratch, seconds, blocked_ms):
    cold = scan("async", "mmap", "cold", around(seconds), 1, around(blocked_ms))
    assert said(report(scratch, cold)).startswith("No, not measurably.")


def test_what_is_within_the_noise_is_not_clear(scratch):
    answer = said(report(scratch, *article(blocked_ms=[0, 0, 0, 900, 900, 900])))
    assert answer.startswith("Not clear.")


def test_run_without_the_row_that_tells_says_so(scratch):
    warm = scan("async", "mmap", "warm", around(0.1), 40, 0)
    assert said(report(scratch, warm)).startswith(
        "Not known. This run has no cold scan by mmap in coroutines, only warm ones."
    )
    in_memory = said(report(scratch, warm, filesystem="tmpfs"))
    assert in_memory.startswith("No, not in memory. The files are in memory (tmpfs)")
    other = said(report(scratch, *lookups()))
    assert other.startswith("Not known. This run has no scan by mmap in coroutines from a cold")
    assert "lookups by mmap blocked the executor stands below" in other
    nothing = said(report(scratch, repetitions("BM_Sort/64", around(1))))
    assert nothing.startswith("Not known.")
    assert "ookups" not in nothing
    unwatched = said(report(scratch, scan("async", "mmap", "cold", around(1))))
    assert unwatched.startswith("Not known. The executor was not watched")


def test_answer_of_each_directory_is_its_own(scratch):
    made = []
    for directory, blocked in (("quick", 0), ("slow", 900)):
        made += repetitions(
            ROW.format("async", "mmap", "cold").replace("/files", f"/dir:{directory}/files"),
            around(1), blocked_ms=blocked,
        )  # fmt: skip
    page = report(scratch, made)
    blocks = [plain(one) for one in re.findall(r'<div class="answer.*?</div>', page, re.DOTALL)]
    assert [one[:18] for one in blocks] == ["in quick No, not m", "in slow Yes. Cold "]


def test_every_repetition_is_a_dot(scratch):
    page = report(scratch, *article(), *lookups())
    assert dots(page, "cold-0") == 4 * 6
    assert dots(page, "warm-0") == 4 * 6
    assert dots(page, "stalls-0") == 2 * 2 * 6
    assert dots(page, "lookups-0") == 3 * 3
    assert dots(page, "drift-0") == 8 * 6 + 3 * 3
    ladder = report(scratch, *remedies())
    assert dots(ladder, "ladder-0") == 3
    assert dots(ladder, "remedies-0") == 3 * 6


def test_times_stand_beside_the_articles_as_multiples_of_one_threads_read(scratch):
    page = report(scratch, *article())
    lines = {(line[0], line[1]): line[2:] for line in rows(page, "Time:")}
    assert lines["8 coroutines", "mmap"] == ["0.980", "1.00", "2.00", "2.53", "2.70", "3.81"]
    assert lines["one thread", "read"] == ["0.490", "0.500", "1.00", "0.670", "0.707", "1.00"]
    warm = {(line[0], line[1]): line[2:] for line in rows(page, "Time:", 1)}
    assert warm["one thread", "mmap"][3:] == ["0.120", "0.123", "0.794"]
    assert "Huon Wilson" in page


def test_stalls_and_blocked_time_are_a_table(scratch):
    row = ROW.format("async", "mmap", "cold")
    cold = repetitions(
        row, [1, 1, 1], stall_max_us=[7e5, 9e5, 8e5], stall_p99_us=[7e4, 9e4, 8e4],
        blocked_ms=[600, 500, 400],
    )  # fmt: skip
    warm = scan("async", "mmap", "warm", [0.1], 40, 0)
    assert rows(report(scratch, cold, warm), "Stalls:") == [
        ["8 coroutines", "mmap", "900", "80.0", "500", "40.0", "36.0", "0"],
    ]


def test_remedies_are_a_ladder(scratch):
    lines = rows(report(scratch, *remedies()), "Remedies:")
    assert [line[1] for line in lines] == ["mmap", "mmap_awaited", "uring"]
    low, high = map(float, lines[1][4].split(" to "))
    assert 0.75 < low <= 0.8 <= high < 0.85
    assert lines[1][2:4] == ["0.800", "0.100"]
    assert lines[1][5:8] == ["0.450", "0.360", "0"]


def test_lookups_are_told_by_share_in_memory(scratch):
    assert rows(report(scratch, *lookups()), "Lookups:") == [
        ["mmap", "5.50", "5.50", "123", "123", "862", "0"],
        ["uring", "5.50", "–", "123", "–", "0", "–"],
    ]


def test_questions_show_the_axes_that_differ(scratch):
    name = "advice/exec:async/io:mmap/cache:cold/advice:{}/files:8/mib:256/stride:512/iterations:1"
    made = [
        repetitions(name.format(advice), [seconds] * 3, blocked_ms=7)
        for advice, seconds in (("random", 3), ("normal", 1))
    ]
    page = report(scratch, *made)
    assert rows(page, "Questions:") == [
        ["normal", "1.00", "1.00", "7.00"], ["random", "3.00", "3.00", "7.00"],
    ]  # fmt: skip
    assert "Does advice on the mapping (madvise) help?" in page


def test_questions_are_pictures_of_every_cold_repetition(scratch):
    name = "order/exec:async/io:mmap/cache:{}/order:{}/files:8/mib:256/iterations:1/real_time"
    made = [
        repetitions(name.format(cache, order), [1, 2, 3])
        for cache in ("cold", "warm")
        for order in ("forward", "random")
    ]
    page = report(scratch, *made)
    assert dots(page, "questions-0-0") == 2 * 3
    assert ">seconds, cold<" in page
    assert ">order: forward<" in page and ">order: random<" in page
    warm = report(scratch, *made[2:])
    assert dots(warm, "questions-0-0") == 2 * 3
    assert ">seconds, cold<" not in warm


def test_questions_of_more_rows_than_fit_into_a_picture_are_a_table(scratch):
    many = [repetitions(f"files/exec:async/files:{number}", [1]) for number in range(300)]
    page = report(scratch, *many)
    assert dots(page, "questions") == 0
    assert len(rows(page, "Questions:")) == 300


def test_sweep_is_a_question_and_not_mixed_into_one_row(scratch):
    row = ROW.format("async", "mmap_awaited", "cold")
    made = [
        repetitions(row.replace("/files", f"/chunk_kib:{kib}/files"), [seconds] * 5)
        for kib, seconds in ((1024, 2), (128, 1))
    ]
    page = report(scratch, *made)
    assert [line[:2] for line in rows(page, "Questions:")] == [["128", "1.00"], ["1024", "2.00"]]
    assert not any(one.startswith("Remedies") for one in headings(page))


def test_stalls_as_times_are_a_table_in_milliseconds(scratch):
    shape = "/files:8/mib:256/stride:512/iterations:1/manual_time"
    made = [
        repetitions(f"{family}/exec:async/{load}", [seconds] * 3)
        for family, load, seconds in [
            ("stall_max", "load:idle/ms:1000/iterations:1/manual_time", 0.001),
            ("stall_max", f"io:mmap/cache:cold{shape}", 1.048),
            ("blocked", f"io:mmap/cache:cold{shape}", 0.859),
        ]
    ]
    assert rows(report(scratch, *made), "Stalls and latencies") == [
        ["idle", "–", "–", "1.00", "–"], ["–", "mmap", "cold", "1048", "859"],
    ]  # fmt: skip


def test_repetitions_are_in_order_of_time_where_it_is_known(scratch):
    row = ROW.format("seq", "mmap", "cold")
    timed = report(scratch, repetitions(row, [1, 2], window_begin_s=[9, 3], steal_pct=[0, 5]))
    assert "seconds since the run began" in timed
    assert "steal, %" in timed
    assert ">repetition<" in report(scratch, repetitions(row, [1, 2]))


def test_machine_is_a_table(scratch):
    page = report(scratch, *article(), kernel="Linux 9 <b>")
    assert ["kernel", "Linux 9 <b>"] in rows(page, "The machine")
    assert ["load avg", "0.1, 0.2, 0.3"] in rows(page, "The machine")


BELOW = "Cold here, unknown below: {} may have answered from memory."


def section_of(page, title):
    """As a reader sees it."""
    found = re.findall(r"<section>.*?</section>", page, re.DOTALL)
    (one,) = [part for part in map(plain, found) if part.startswith(title)]
    return one


def test_counters_that_were_measured_are_explained_in_the_runs_words(scratch):
    page = report(scratch, *article())
    assert rows(page, "Counters") == [["blocked_ms", "slept outside its wait"]]
    assert "words_" not in page


def test_what_may_be_of_a_memory_below_is_said_where_the_cold_times_are(scratch):
    fill = repetitions("fill/exec:async/io:mmap/cache:cold/fill:read/files:1", [1])
    stall = repetitions("stall_max/exec:async/io:mmap/cache:cold/files:8/manual_time", [1])
    warm = repetitions("order/exec:async/io:mmap/cache:warm/files:1", [1])
    made = [*article(), *remedies()[2:], *lookups(), fill, stall]
    page = report(scratch, *made, unknown_below="the host")
    titles = ["Time:", "Stalls: how", "Remedies:", "Lookups:", "Questions:", "Stalls and latencies"]
    for title in [*titles, "The machine"]:
        assert BELOW.format("the host") in section_of(page, title), title
    assert BELOW.format("the host") in plain(page.split("Measured ")[0]), "beside the answer"
    assert "of the files was in the page cache of this machine" in section_of(page, "Time:")
    only_warm = report(scratch, warm, unknown_below="the host")
    assert "unknown below" not in section_of(only_warm, "Questions:")
    assert "unknown below" not in report(scratch, *made).replace("unknown_below", "")


def test_run_with_a_memory_below_is_named_among_several(scratch):
    fill = repetitions("fill/exec:async/io:mmap/cache:cold/fill:read/files:1", [1])
    also = [
        write_run(scratch / "direct.json", *article(), fill),
        write_run(scratch / "third.json", *article(), fill, unknown_below="loop0"),
    ]
    page = report(scratch, *article(), fill, name="cached.json", also=also, unknown_below="loop0")
    said = f"cached, third: {BELOW.format('loop0')}"
    for title in ("Time:", "Stalls: how", "Questions:", "The machine"):
        assert said in section_of(page, title), title
        assert section_of(page, title).count("unknown below") == 1 + (title == "The machine")


def test_directory_with_a_memory_below_is_named_among_several(scratch):
    made = [
        repetitions(ROW.format("async", "mmap", "cold").replace("/files", f"/dir:{name}/files"),
                    around(1), stall_max_us=1, blocked_ms=1)
        for name in ("quick", "slow")
    ]  # fmt: skip
    page = report(scratch, *made, unknown_below_slow="loop0")
    said = "in slow: Cold here, unknown below in slow: loop0 may have answered from memory."
    assert said in section_of(page, "Time:")
    assert section_of(page, "Time:").count("unknown below") == 1


def test_failures_are_named_and_never_averaged(scratch):
    row = ROW.format("async", "mmap", "cold")
    failed = [failure(row, "not cold: 3 of 9 pages", index) for index in range(2)]
    absent = failure(ROW.format("async", "uring", "cold"), "not available here: no io_uring")
    page = report(scratch, *article(), failed, [absent])
    assert rows(page, "What was not measured") == [[row, "not cold: 3 of 9 pages", "2 of 8"]]
    assert rows(page, "What was not measured", 1)[0][1:] == ["no io_uring", "1 of 1"]
    assert "2 repetitions failed" in page
    assert rows(page, "Time:")[2][:3] == ["8 coroutines", "mmap", "0.980"]


def test_what_was_left_out_is_counted_by_what_it_is(scratch):
    row = ROW.format("async", "mmap", "cold")
    line = f"left out of '{scratch / 'run.json'}': entry {{}}: no measurement: {{}}\n"
    no_object = line.format(49, "not an object")
    one = report(scratch, *article(), [failure(row, "not cold")], ["text"], said=no_object)
    assert ">1 repetition failed and was left out; named at the end.<" in one
    assert ">1 entry is no measurement and was left out; named at the end.<" in one
    assert rows(one, "What was not measured") == [[row, "not cold", "1 of 7"]]
    assert rows(one, "What was not measured", 1) == [["entry 49", "not an object", "1 of 1"]]
    both = line.format(48, "not an object") + line.format(49, "without a name")
    two = report(scratch, *article(), ["text", {"real_time": 3}], said=both)
    assert ">2 entries are no measurement and were left out; named at the end.<" in two
    assert "failed" not in two


def test_sections_without_data_are_left_out(scratch):
    assert headings(report(scratch, *lookups())) == [
        "Lookups: random records by how much of the files is in memory",
        "Counters",
        "Did the machine change meanwhile?",
        "The machine",
    ]
