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
        /// It reports an end; others report a beginning or an interim state.
        IsFinal: bool
    }

/// What becomes of a held record.
[<RequireQualifiedAccess>]
type HeldFate =
    /// Drop it: the server that acts has written it, or only that server may.
    | Forget
    /// Write it here: nobody else knows the connection.
    | Write
    /// Hold it: the connection is active in the other server's record, which will report its end.
    | Keep
    /// Hold it for the grace: nobody has known the connection since this instant.
    | Wait of since: Instant

/// Decides what a standby does with the records it holds, from what the server that acts says about them.
module Settling =
    /// Three audits of the slowest gateway, and at least 5 s: how long the other server may take to learn of
    /// a connection.
    let grace (longestInterval: TimeSpan) : TimeSpan = max (TimeSpan.FromSeconds 5.0) (longestInterval * 3.0)

    /// What becomes of one record. `unknownSince` is when the other server first did not know it; ValueNone
    /// if it was never asked.
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
