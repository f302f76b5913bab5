namespace CallServer.Exchange

open System
open System.Buffers
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger

/// How much this server accepts from one gateway; sizes in octets.
type Bounds =
    {
        /// The largest reply; also the most that may come without being asked for.
        Reply: int64
        /// The most that one audit may hold before it ends, and the most that it may take in at all.
        Held: int64
        /// The most connections in one snapshot.
        Connections: int
    }

/// What an exchange holds of the messages that came, roughly, in octets of memory.
[<Struct>]
type internal Load =
    {
        /// Octets of a stream's message that is not complete, or the length that it announces.
        Unread: int64
        /// What was made of complete messages; ValueNone if all that came is held until the end.
        Kept: int64 voption
    }

module internal Load =
    /// Datagrams only, all of which are held.
    let ofDatagrams: Load = { Unread = 0L; Kept = ValueNone }

    /// The memory that one octet of a message takes until it is on record, in octets: objects, their headers, characters of two
    /// octets, and what the garbage collector has not yet reclaimed.
    [<Literal>]
    let private Weight = 16L

    /// How much is held after this many octets were taken in.
    let octets (taken: int64) (load: Load) : int64 =
        load.Unread + (load.Kept |> ValueOption.defaultValue (Weight * taken))

module Bounds =
    let usual: Bounds = { Reply = 8_000_000L; Held = 512_000_000L; Connections = 200_000 }

    /// The limit that an exchange has exceeded, if any. taken: octets of all that came. unasked: octets of those messages that answer
    /// nothing.
    let internal passed (bounds: Bounds) (taken: int64) (unasked: int64) (load: Load) : Limit voption =
        if load.Unread > bounds.Reply then
            ValueSome(Limit.Reply bounds.Reply)
        elif unasked > bounds.Reply then
            ValueSome(Limit.Unasked bounds.Reply)
        elif max taken (Load.octets taken load) > bounds.Held then
            ValueSome(Limit.Held bounds.Held)
        else
            ValueNone

    /// The longest text of a record, in characters.
    [<Literal>]
    let MaxText = 512

    /// Invisible characters that change the direction of a line or end it (UAX 9, U+2028, U+2029). With them, one caller's name in a
    /// list could read as another's.
    let private unseen =
        SearchValues.Create "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"

    let private isUnseen (c: char) = unseen.Contains c

    let private isLine (text: string) = text.Length <= MaxText && not (text.AsSpan().ContainsAny unseen)

    let private isShort (text: string voption) =
        match text with
        | ValueSome text -> isLine text
        | ValueNone -> true

    let private escaped (text: string) : string =
        String.collect (fun c -> if isUnseen c then $"\\u{int c:x4}" else string c) text

    let private cut (text: string voption) : string voption =
        match text with
        | ValueSome text when not (isLine text) ->
            // Whatever comes after that is cut off in any case.
            let line = escaped (text.Substring(0, min text.Length (MaxText + 1)))

            ValueSome(if line.Length <= MaxText then line else line.Substring(0, MaxText - 1) + "…")
        | ValueSome _
        | ValueNone -> text

    /// The observation with texts that fit on a line and have no invisible characters.
    let private shortened (observation: Observation) : Observation =
        let facts = observation.Facts

        if
            isShort facts.Endpoint
            && isShort facts.Originator
            && isShort facts.Remote
            && isShort facts.Mode
            && isShort facts.State
        then
            observation
        else
            { observation with
                Facts =
                    { facts with
                        Endpoint = cut facts.Endpoint
                        Originator = cut facts.Originator
                        Remote = cut facts.Remote
                        Mode = cut facts.Mode
                        State = cut facts.State } }

    /// The observations of connections that the record has already, and as many others as there is room for.
    let private within
        (room: int)
        (isKnown: ConnectionId -> bool)
        (observations: Observation[])
        : Observation[] =
        let kept = ResizeArray<Observation>()
        let mutable left = room

        for observation in observations do
            if isKnown observation.Id then
                kept.Add observation
            elif left > 0 then
                left <- left - 1
                kept.Add observation

        kept.ToArray()

    /// Bounds a snapshot by itself: it has no more connections than allowed (otherwise it becomes partial), and no endless text.
    let snapshot (bounds: Bounds) (snapshot: Snapshot) : Snapshot =
        let snapshot = { snapshot with Observations = Array.map shortened snapshot.Observations }

        if snapshot.Observations.Length <= bounds.Connections then
            snapshot
        else
            let limit = PastLimit(Limit.Connections bounds.Connections)

            { snapshot with
                Observations = Array.truncate bounds.Connections snapshot.Observations
                Completeness = Completeness.refute limit snapshot.Completeness }

    /// Bounds a snapshot by the number of connections that the record may have of this gateway. A complete snapshot ends what it does
    /// not show, so only its own connections count. A partial one ends nothing, so those on record count too.
    let forRecord (limit: Limit) (most: int) (known: Connection[]) (snapshot: Snapshot) : Snapshot =
        let isComplete = Snapshot.isComplete snapshot

        if snapshot.Observations.Length + (if isComplete then 0 else known.Length) <= most then
            snapshot
        else
            let ids = HashSet(known |> Seq.map _.Id)

            let isNew =
                snapshot.Observations |> Seq.filter (fun seen -> not (ids.Contains seen.Id)) |> Seq.length

            if not isComplete && ids.Count + isNew <= most then
                snapshot
            else
                { snapshot with
                    Observations = within (max 0 (most - ids.Count)) ids.Contains snapshot.Observations
                    Completeness = Completeness.refute (PastLimit limit) snapshot.Completeness }
