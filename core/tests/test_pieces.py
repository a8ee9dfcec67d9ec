"""Addresses that answer a page or a piece of one."""

from django.http import HttpResponse

from core.pieces import vary_on_piece


def test_caches_are_told_of_pieces_beside_what_else_an_answer_depends_on():
    answer = vary_on_piece(HttpResponse(headers={"Vary": "Cookie"}))

    assert answer["Vary"] == "Cookie, HX-Request"
