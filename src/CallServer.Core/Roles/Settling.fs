namespace CallServer.Roles

open System
open CallServer.Model

/// An accounting record that a standby holds back.
[<Struct>]
type HeldRecord =
    {
        /// Its place in the outbox.
        Sequence: int64
        /// The id of its CDR.
        Id: string
        /// It tells of an end; others tell of a beginning, or of what goes on.
        IsFinal: bool
    }

/// What becomes of it.
[<RequireQualifiedAccess>]
type HeldFate =
    /// The server that acts has written it, or alone may.
    | Forget
    /// Nobody else knows of the connection: it is written here.
    | Write
    /// The connection is active there, and its end will come from there.
    | Keep
    /// Nobody has known of it since then, and it waits for its grace.
    | Wait of since: Instant

/// What a standby does with the records that it holds, by what the server that acts says of them.
module Settling =
    /// Three audits of the slowest gateway, and at least 5 s: so long the other server may take to learn of a connection.
    let grace (longestInterval: TimeSpan) : TimeSpan = max (TimeSpan.FromSeconds 5.0) (longestInterval * 3.0)

    /// `unknownSince`: since when nobody knows of it; nothing where it was not asked for before.
    let fate
        (now: Instant)
        (grace: TimeSpan)
        (isWritten: bool)
        (isActive: bool)
        (unknownSince: Instant voption)
        (record: HeldRecord)
        : HeldFate =
        if not record.IsFinal || isWritten then
            HeldFate.Forget
        elif isActive then
            HeldFate.Keep
        else
            let since = unknownSince |> ValueOption.defaultValue now
            if now - since >= grace then HeldFate.Write else HeldFate.Wait since
