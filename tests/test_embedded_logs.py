"""The services' log lines on the terminal."""

import io

from forllm.embedded.logs import Follower, Printer, last_words


def test_printer_names_the_service_before_each_line(tmp_path):
    web, worker = tmp_path / "web.log", tmp_path / "worker.log"
    web.write_text("old line\n")
    output = io.StringIO()
    printer = Printer({"web": web, "worker": worker}, output)

    with web.open("a") as log:
        log.write("one\ntwo\n")
    worker.write_text("ready\n")
    printer.pump()

    assert output.getvalue() == "web    | one\nweb    | two\nworker | ready\n"


def test_follower_waits_for_the_end_of_a_line(tmp_path):
    log = tmp_path / "log"
    follower = Follower(log)
    log.write_bytes("café"[:3].encode() + "é".encode()[:1])

    assert follower.lines() == []
    with log.open("ab") as file:
        file.write("é".encode()[1:] + b"\n")
    assert follower.lines() == ["café"]


def test_follower_loses_no_line_when_the_log_is_rotated(tmp_path):
    log = tmp_path / "log"
    log.write_text("")
    follower = Follower(log)

    with log.open("a") as file:
        file.write("last of the old\n")
    log.rename(tmp_path / "log.1")
    log.write_text("first of the new\n")

    assert follower.lines() == ["last of the old", "first of the new"]


def test_last_words_are_the_last_that_speak_of_an_error(tmp_path):
    log = tmp_path / "log"
    log.write_text("Traceback\n  x\nDbError: refused\n\tIs it running?\ntidying up\n")

    assert last_words(log) == "DbError: refused"
    log.write_text("starting\nstopped\n\n")
    assert last_words(log) == "stopped"
    assert last_words(tmp_path / "none") == ""
