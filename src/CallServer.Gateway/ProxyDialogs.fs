namespace CallServer.Gateway

open System
open System.Globalization
open CallServer.Model

/// Connections of the table as the modules dialog of Kamailio and OpenSIPS keep them: a connection becomes one dialog.
module internal ProxyDialogs =
    [<Literal>]
    let private Domain = "example.net"

    /// The size of the hash table (hash_size).
    [<Literal>]
    let private Buckets = 4096

    let uri (number: string) : string = "sip:" + number + "@" + Domain

    let bucket (connection: SimConnection) : int = int (BitConverter.ToUInt16(connection.Guid, 0)) % Buckets

    /// Its number in its bucket.
    let number (connection: SimConnection) : int64 = 1L + connection.Serial

    let callerTag (connection: SimConnection) : string = $"f{connection.Serial:x6}"

    let calleeTag (connection: SimConnection) : string = $"t{connection.Serial:x6}"

    /// When the proxy saw the INVITE; if the table lists no ringing calls, when it was answered.
    let private begun (table: Table) (connection: SimConnection) : Instant =
        if Table.listsRinging table then connection.Setup else connection.Start

    /// The dialogs that go on.
    let going (now: Instant) (table: Table) : SimConnection[] =
        table.Connections |> Array.filter (fun connection -> begun table connection <= now)

    /// 2 or 1 before the answer, 3 until the ACK comes, then 4, and 5 at the end.
    let state (now: Instant) (ended: Instant voption) (connection: SimConnection) : int =
        if ended.IsSome then
            5
        elif not (SimConnection.isActive now connection) then
            1 + int (connection.Serial % 2L)
        elif now - connection.Start < TimeSpan.FromMilliseconds 200.0 then
            3
        else
            4

    /// Whole seconds since 1970.
    let seconds (shown: Instant) : int64 = shown.Micros / 1_000_000L

    /// Such a time as C's ctime writes it, in a time zone where nobody lives: no audit may read it.
    let text (shown: int64) : string =
        let time = Instant.toDateTime (Instant.ofMicros (shown * 1_000_000L) + TimeSpan.FromHours 5.75)
        let day = time.Day.ToString(CultureInfo.InvariantCulture).PadLeft 2

        time.ToString("ddd MMM ", CultureInfo.InvariantCulture)
        + day
        + time.ToString(" HH:mm:ss yyyy", CultureInfo.InvariantCulture)
