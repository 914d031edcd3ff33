"""What ``difpeer run`` says of ids that no peer knows."""

from peer.cli.run import unknown_run

KNOWN = [f"20260105-10150{second}-a1b2c{second}" for second in range(7)]


def test_an_id_with_one_wrong_letter_is_recognised():
    error = unknown_run("20260105-101503-a1b2cX", "127.0.0.1:7100", KNOWN, field="RUN")
    assert str(error) == (
        "RUN: the peer at 127.0.0.1:7100 knows no run '20260105-101503-a1b2cX'; did you mean 20260105-101503-a1b2c3?"
    )


def test_else_the_newest_are_told():
    assert unknown_run("mine", "a", KNOWN, field="RUN").mend == f"its newest are {', '.join(KNOWN[:1:-1])}"
    assert unknown_run("mine", "a", [], field="RUN").mend == "it has had none yet"
