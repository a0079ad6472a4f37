"""The study of a run folder as SQLite: one transaction for each finished training or stage.

Write-ahead log with full synchronisation: what was committed survives a kill and a power cut, and what was
not leaves no trace.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS trainings (
    digest TEXT PRIMARY KEY,      -- of config, data and kernel: a training is done once
    number INTEGER NOT NULL UNIQUE,
    stage TEXT NOT NULL,
    record TEXT NOT NULL          -- JSON: config and outcome
) STRICT;
CREATE TABLE IF NOT EXISTS curves (
    digest TEXT NOT NULL REFERENCES trainings,
    epoch INTEGER NOT NULL,
    step INTEGER NOT NULL,
    train_loss REAL,              -- NULL where it was not finite
    validation_loss REAL,
    PRIMARY KEY (digest, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stages (
    name TEXT PRIMARY KEY,
    evidence TEXT NOT NULL        -- JSON
) STRICT;
"""

Curve = list[tuple[int, int, float | None, float | None]]
"""(epoch, step, training loss, validation loss), one for each epoch from 0 on."""


class Store:
    """Trainings, curves and stage evidence of one run folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as db:
            db.executescript(SCHEMA)

    def find(self, digest: str) -> tuple[int, str, dict[str, Any], Curve] | None:
        """Return (number, stage, record, curve) of a finished training."""
        with self._open() as db:
            row = db.execute("SELECT number, stage, record FROM trainings WHERE digest = ?", (digest,)).fetchone()
            return None if row is None else (row[0], row[1], json.loads(row[2]), self._curve(db, digest))

    def add(
        self, digest: str, stage: str, record: dict[str, Any], curve: Curve, *, replaces: str = "", after: int = 0
    ) -> int:
        """Write a finished training in one transaction and return its number; the same trained again takes its place.

        Args:
            replaces: digest of another training whose place it takes. after: the number is higher than this.
        """
        with self._open() as db, db:
            for old in (digest, replaces):
                db.execute("DELETE FROM curves WHERE digest = ?", (old,))
                db.execute("DELETE FROM trainings WHERE digest = ?", (old,))
            last = db.execute("SELECT coalesce(max(number), 0) FROM trainings").fetchone()[0]
            number = max(int(last), after) + 1
            db.execute("INSERT INTO trainings VALUES (?, ?, ?, ?)", (digest, number, stage, json.dumps(record)))
            db.executemany("INSERT INTO curves VALUES (?, ?, ?, ?, ?)", [(digest, *point) for point in curve])
            return number

    def last_number(self) -> int:
        """Return the number of the training that was written last; 0 where there is none."""
        with self._open() as db:
            return int(db.execute("SELECT coalesce(max(number), 0) FROM trainings").fetchone()[0])

    def trainings(self) -> list[tuple[str, int, str, dict[str, Any], Curve]]:
        """Return every finished training as (digest, number, stage, record, curve), in the order of finishing."""
        with self._open() as db:
            rows = db.execute("SELECT digest, number, stage, record FROM trainings ORDER BY number").fetchall()
            return [(row[0], row[1], row[2], json.loads(row[3]), self._curve(db, row[0])) for row in rows]

    def stage(self, name: str) -> Any | None:
        """Return the evidence of a finished stage, or None."""
        with self._open() as db:
            row = db.execute("SELECT evidence FROM stages WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def stages(self) -> list[str]:
        """Return the names of the finished stages."""
        with self._open() as db:
            return [row[0] for row in db.execute("SELECT name FROM stages ORDER BY name").fetchall()]

    def finish_stage(self, name: str, evidence: Any) -> None:
        """Write a stage's evidence (JSON values)."""
        with self._open() as db, db:
            db.execute("INSERT OR REPLACE INTO stages VALUES (?, ?)", (name, json.dumps(evidence)))

    def forget_stages(self, keep: Collection[str]) -> None:
        """Drop the evidence of every stage that is not listed."""
        with self._open() as db, db:
            names = [row[0] for row in db.execute("SELECT name FROM stages").fetchall()]
            db.executemany("DELETE FROM stages WHERE name = ?", [(name,) for name in names if name not in keep])

    @staticmethod
    def _curve(db: sqlite3.Connection, digest: str) -> Curve:
        query = "SELECT epoch, step, train_loss, validation_loss FROM curves WHERE digest = ? ORDER BY epoch"
        return db.execute(query, (digest,)).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            yield db
