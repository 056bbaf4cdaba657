"""The tables of a SQLite store, as numbered migrations: append-only, each in its own transaction."""

APPLICATION_ID = 0x54524F44
"""`TROD`, in the header of every file of ours."""

MIGRATIONS: tuple[str, ...] = (
    """
    -- Both registers (started, ended) are what producers said, without payloads; the columns are the run a reader sees.
    -- announced = 0: only spans of the run have come so far, nobody sees it yet.
    CREATE TABLE runs (
        key INTEGER PRIMARY KEY,
        owner TEXT NOT NULL,
        id TEXT NOT NULL,
        announced INTEGER NOT NULL,
        agent TEXT NOT NULL,
        status TEXT NOT NULL,
        parent TEXT,
        session TEXT,
        user TEXT,
        tags TEXT NOT NULL,
        started_ns INTEGER NOT NULL,
        ended_ns INTEGER,
        spans INTEGER NOT NULL,
        errors INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        cost_nanos INTEGER NOT NULL,
        costed_spans INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        start_seq INTEGER,
        end_seq INTEGER,
        cancel_seq INTEGER,
        cancel BLOB,
        heartbeat_ns INTEGER,
        received_ns INTEGER NOT NULL,
        started BLOB,
        ended BLOB,
        UNIQUE (owner, id)
    );
    CREATE INDEX runs_by_start ON runs (owner, started_ns, id) WHERE announced = 1;
    CREATE INDEX runs_by_agent ON runs (owner, agent, status, started_ns, id) WHERE announced = 1;
    CREATE INDEX runs_by_status ON runs (owner, status, started_ns, id) WHERE announced = 1;
    CREATE INDEX runs_by_parent ON runs (owner, parent, started_ns, id) WHERE announced = 1 AND parent IS NOT NULL;
    CREATE INDEX runs_by_ending ON runs (owner, substr(id, -8));
    CREATE INDEX runs_unannounced ON runs (received_ns) WHERE announced = 0;

    -- key is the run's key << 32 | first_seq, so a run's spans lie together in the order they came.
    CREATE TABLE spans (
        key INTEGER PRIMARY KEY,
        owner TEXT NOT NULL,
        run INTEGER NOT NULL,
        id TEXT NOT NULL,
        parent TEXT,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        status TEXT NOT NULL,
        level TEXT,
        version INTEGER NOT NULL,
        started_ns INTEGER NOT NULL,
        ended_ns INTEGER,
        changed_seq INTEGER NOT NULL,
        input_tokens INTEGER,
        output_tokens INTEGER,
        cache_read_tokens INTEGER,
        cache_write_tokens INTEGER,
        reasoning_tokens INTEGER,
        cost REAL,
        model TEXT,
        provider TEXT,
        tool TEXT,
        error TEXT,
        error_type TEXT,
        status_code TEXT
    );
    CREATE UNIQUE INDEX spans_by_id ON spans (owner, run, id);
    CREATE INDEX spans_by_change ON spans (owner, run, changed_seq) WHERE changed_seq > key & 4294967295;

    -- One JSON object a span, under the span's key.
    CREATE TABLE payloads (key INTEGER PRIMARY KEY, owner TEXT NOT NULL, data BLOB NOT NULL);

    -- What a run was given and what came of it, as its two registers say.
    CREATE TABLE run_payloads (
        run INTEGER PRIMARY KEY, owner TEXT NOT NULL, started BLOB NOT NULL, ended BLOB NOT NULL
    );

    -- Numbers that a later change of the same row took over; first_seq 0 is the run itself, -1 its cancel request.
    CREATE TABLE replaced (
        owner TEXT NOT NULL, run INTEGER NOT NULL, seq INTEGER NOT NULL, first_seq INTEGER NOT NULL,
        PRIMARY KEY (owner, run, seq)
    ) WITHOUT ROWID;

    CREATE TABLE drops (
        owner TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL, last_ns INTEGER NOT NULL,
        PRIMARY KEY (owner, reason)
    ) WITHOUT ROWID;
    """,
    """
    -- 1: the spans were deleted, and spans that still come are ignored.
    ALTER TABLE runs ADD COLUMN traceless INTEGER NOT NULL DEFAULT 0;

    -- digest is the SHA-256 of the secret; the secret itself is nowhere. scopes: words with commas between them.
    CREATE TABLE keys (
        number INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        id TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        scopes TEXT NOT NULL,
        label TEXT NOT NULL,
        created_ns INTEGER NOT NULL,
        revoked_ns INTEGER
    );
    """,
    """
    -- What people said of the run, as a JSON list; its place in `replaced` is -2.
    ALTER TABLE runs ADD COLUMN feedback BLOB;
    ALTER TABLE runs ADD COLUMN feedback_seq INTEGER;
    -- How long the producer may be silent before a running run counts as lost.
    ALTER TABLE runs ADD COLUMN patience_ns INTEGER NOT NULL DEFAULT 15000000000;
    """,
    """
    -- heard = 1: nobody announced the run, only its spans tell of it. wrapped = 1: its amounts are those of agents.
    ALTER TABLE runs ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN wrapped INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX runs_heard ON runs (heartbeat_ns) WHERE heard = 1 AND status = 'running';

    -- Ids that have a span with an amount below them: of spans, or of parents that have not come yet.
    CREATE TABLE wrapping (
        owner TEXT NOT NULL, run INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (owner, run, id)
    ) WITHOUT ROWID;
    """,
    """
    -- A cancel request goes down to runs that nobody has announced, too.
    DROP INDEX runs_by_parent;
    CREATE INDEX runs_by_parent ON runs (owner, parent, started_ns, id) WHERE parent IS NOT NULL;
    """,
    """
    -- Model calls that told tokens, but whose cost nobody knows.
    ALTER TABLE runs ADD COLUMN unpriced_spans INTEGER NOT NULL DEFAULT 0;
    """,
)
