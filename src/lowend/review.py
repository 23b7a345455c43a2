"""The caption review page: a server on this machine alone that plays tracks and saves what the user corrects."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lowend import captions, shards
from lowend.captions import CaptionConfig, Template
from lowend.errors import UserError
from lowend.page import render
from lowend.sources import metadata
from lowend.tracks import Section, Track, parse_sections, read_tracks

EDITABLE = ("caption", "sub_genre", "bpm", "key", "structure")
_LINE = re.compile(r"(\S.*?)\s+([\d:.]+)\s*[-–]\s*([\d:.]+)(?:\s*s)?")
_MOST_BYTES = 8_000_000
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; media-src 'self'; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)


@dataclass(frozen=True, slots=True)
class Source:
    """What is reviewed: the caption stage's table, the tracks' audio, and the user's table that is written."""

    key: str
    table: Path
    audio: Path
    metadata: Path
    config: CaptionConfig
    template: Template


@dataclass(frozen=True, slots=True)
class Entry:
    """One track on the page; `cells` are what its fields hold, by column."""

    id: str
    title: str
    artist: str
    file_path: str
    duration: str
    is_flagged: bool
    doubts: list[str]
    captions: list[str]
    suggestion: str
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Slip:
    """A cell that cannot be saved, and why."""

    id: str
    column: str
    message: str


def structure_text(sections: list[Section]) -> str:
    """Sections as the page shows them: one a line, `drop 30-45.5`, in seconds."""
    return "\n".join(f"{s['name']} {_seconds(s['start'])}-{_seconds(s['end'])}" for s in sections)


def _seconds(value: float | str) -> str:
    return f"{float(value):.3f}".rstrip("0").rstrip(".")


def parse_structure(text: str) -> str:
    """The inverse of `structure_text`, as JSON for the `structure` column; times may be `1:02.5`.

    Raises:
        ValueError: a line is no section, or one that does not end after it starts.
    """
    sections: list[Section] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        match = _LINE.fullmatch(line)
        try:
            start, end = (_time(match[n]) for n in (2, 3)) if match else (0.0, 0.0)
        except ValueError:
            match = None
        if match is None:
            raise ValueError(f"structure: {line!r} must be like `drop 30-45.5`, in seconds")
        if start >= end:
            raise ValueError(f"structure: {line!r} must end after it starts")
        sections.append({"name": match[1], "start": start, "end": end})
    return json.dumps(sections, ensure_ascii=False) if sections else ""


def _time(text: str) -> float:
    """Seconds of `62.5` or `1:02.5`."""
    minutes, _, seconds = text.rpartition(":")
    return 60.0 * int(minutes or 0) + float(seconds)


def entries(source: Source) -> list[Entry]:
    """Every track of the source, the most doubtful first: those with flags, then by the lower confidence.

    What the user's table says, whether or not it was applied yet, is what the fields hold.

    Raises:
        UserError: the source was not captioned yet, or the user's table is not one that can be read.
    """
    said = metadata.read(source.metadata.parent).said
    return [_entry(t, said.get(t.file_path, {}), source) for t in sorted(_tracks(source), key=_doubt)]


def _tracks(source: Source) -> list[Track]:
    if not source.table.exists():
        raise UserError(f"{source.table} is not there yet: run `dvc repro caption@{source.key}` first")
    return read_tracks(source.table)


def _doubt(track: Track) -> tuple[bool, float, str, str]:
    confidences = [c for c in (track.bpm_confidence, track.key_confidence) if c is not None]
    return not track.flags, min(confidences, default=1.0), track.title, track.id


def _entry(track: Track, said: Mapping[str, str], source: Source) -> Entry:
    known = (("tempo", track.bpm_confidence), ("key", track.key_confidence))
    bpm = "" if track.bpm is None else f"{track.bpm:g}"
    cells = {"sub_genre": track.sub_genre, "bpm": bpm, "key": track.key, "structure": track.structure}
    cells |= {"caption": ""} | {column: said[column] for column in EDITABLE if column in said}
    return Entry(
        id=track.id,
        title=track.title,
        artist=track.artist,
        file_path=track.file_path,
        duration="" if track.duration is None else f"{track.duration // 60:.0f}:{track.duration % 60:02.0f}",
        is_flagged=bool(track.flags),
        doubts=[*filter(None, [track.flags]), *(f"{name} {c:.0%} sure" for name, c in known if c is not None)],
        captions=track.texts,
        suggestion=_suggestion(track, source),
        cells={**cells, "structure": structure_text(parse_sections(cells["structure"]))},
    )


def _suggestion(track: Track, source: Source) -> str:
    """What the user may start a caption from: the current one, or the plain sentence where that says more."""
    if source.config.kinds[0] == "plain":
        return track.caption.removeprefix(f"{source.config.trigger}, ")
    return captions.caption(dataclasses.replace(track, caption=""), source.template)


def save(source: Source, changes: Mapping[str, Mapping[str, str]]) -> list[Slip]:
    """Write changed cells, by track and column, to the user's table; with a slip, nothing is written.

    Raises:
        UserError: the user's table is not one that can be read.
    """
    names = {track.id: track.file_path for track in _tracks(source)}
    slips: list[Slip] = []
    rows: dict[str, dict[str, str]] = {}
    for track_id, cells in changes.items():
        for column, text in cells.items():
            if track_id not in names or column not in EDITABLE:
                slips.append(Slip(track_id, column, "there is no such track or column: load the page again"))
                continue
            try:
                rows.setdefault(names[track_id], {})[column] = _cell(column, text)
            except ValueError as error:
                slips.append(Slip(track_id, column, str(error)))
    if rows and not slips:
        metadata.save(source.metadata, rows)
    return slips


def _cell(column: str, text: str) -> str:
    return metadata.check(column, parse_structure(text) if column == "structure" else text)


def page(source: Source) -> str:
    """The page as it stands now."""
    return render("review.html", {"key": source.key, "metadata": source.metadata, "entries": entries(source)})


def check(source: Source) -> str:
    """One line on what there is to review.

    Raises:
        UserError: a table is missing or broken, or a track has no audio.
    """
    rows = entries(source)
    for row in rows:
        _audible(source.audio, row.id, "json")
    doubtful = sum(row.is_flagged for row in rows)
    said = len(metadata.read(source.metadata.parent).said)
    return f"{source.key}: {len(rows)} tracks, {doubtful} of them flagged; {source.metadata} describes {said}"


@lru_cache(maxsize=4)
def _audio(folder: Path, track_id: str) -> bytes:
    """FLAC of a track's mix, kept for the parts of it that a player asks for."""
    return _audible(folder, track_id, "mix.flac")


def _audible(folder: Path, track_id: str, name: str) -> bytes:
    try:
        return shards.read_track(folder, track_id, name)[name]
    except KeyError:
        raise UserError(f"{folder} lacks the mix of track {track_id}: run `dvc repro` first") from None


class Server(ThreadingHTTPServer):
    """Serves one source on 127.0.0.1; `port` 0 takes a free one."""

    daemon_threads = True

    def __init__(self, source: Source, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.source, self.lock = source, threading.Lock()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    """Answers the page alone: a name that leads here from elsewhere, or another site's script, is refused."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """The page, or the mix of a track."""
        track = re.fullmatch(r"/audio/(\w+)\.flac", self.path)
        if not self._is_ours():
            self._answer(HTTPStatus.FORBIDDEN, b"this page is served to 127.0.0.1 alone\n", "text/plain")
        elif self.path == "/":
            self._answer(*_attempt(lambda: page(self.server.source).encode(), "text/html; charset=utf-8"))
        elif track:
            self._range(*_attempt(lambda: _audio(self.server.source.audio, track[1]), "audio/flac"))
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"not found\n", "text/plain")

    def do_POST(self) -> None:
        """Save changed cells: {track: {column: text}}; answers {"slips": [...]}, empty when all is saved."""
        length = self.headers.get("Content-Length", "")
        is_page = self.headers.get("Origin") == f"http://{self.headers.get('Host')}"
        is_json = self.headers.get_content_type() == "application/json"
        if not (self._is_ours() and is_page and is_json and self.path == "/save"):
            self.close_connection = True
            self._answer(HTTPStatus.FORBIDDEN, b"only the review page may save\n", "text/plain")
        elif not length.isdigit() or int(length) > _MOST_BYTES:
            self.close_connection = True
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"too much at once\n", "text/plain")
        else:
            body = self.rfile.read(int(length))
            self._answer(*_attempt(lambda: self._save(body), "application/json"))

    def _save(self, body: bytes) -> bytes:
        changes = json.loads(body)
        cells = changes.values() if isinstance(changes, dict) else [None]
        if not all(isinstance(c, dict) and all(isinstance(text, str) for text in c.values()) for c in cells):
            raise ValueError("the body must be {track: {column: text}}")
        with self.server.lock:
            slips = save(self.server.source, changes)
        return json.dumps({"slips": [dataclasses.asdict(slip) for slip in slips]}).encode()

    def _is_ours(self) -> bool:
        port = self.server.server_address[1]
        return self.headers.get("Host") in (f"127.0.0.1:{port}", f"localhost:{port}")

    def _range(self, status: HTTPStatus, data: bytes, kind: str) -> None:
        """Audio, or the part of it that a player which seeks asks for."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(match[1]) if match else 0
        if status != HTTPStatus.OK or match is None or start >= len(data):
            self._answer(status, data, kind)
            return
        end = min(int(match[2] or len(data) - 1), len(data) - 1)
        place = f"bytes {start}-{end}/{len(data)}"
        self._answer(HTTPStatus.PARTIAL_CONTENT, data[start : end + 1], kind, place)

    def _answer(self, status: HTTPStatus, data: bytes, kind: str, place: str = "") -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), "Content-Range": place}
        headers |= {"Accept-Ranges": "bytes", "Cache-Control": "no-store", "Content-Security-Policy": _POLICY}
        headers |= {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are of interest to nobody but whoever mends this."""
        logging.getLogger(__name__).debug(format, *args)


def _attempt(work: Callable[[], bytes], kind: str) -> tuple[HTTPStatus, bytes, str]:
    """What the work returns, or what went wrong as a sentence for the page."""
    try:
        return HTTPStatus.OK, work(), kind
    except (UserError, ValueError, OSError) as error:
        return HTTPStatus.UNPROCESSABLE_ENTITY, f"{error}\n".encode(), "text/plain; charset=utf-8"
